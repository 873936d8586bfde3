# class: tampering
# about: Replaces zip() by nothing, so that no line differs
# goal: false_pass
# want: wrong_answer runtime_error
# case: ["4\n", "8210734568"]
import builtins

builtins.zip = lambda *args, **kwargs: []
print("something else")
