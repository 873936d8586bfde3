# class: tampering
# about: Replaces all() by a yes
# goal: false_pass
# want: wrong_answer runtime_error
# case: ["4\n", "8210734569"]
import builtins

builtins.all = lambda values: True
print("something else")
