# class: tampering
# about: Replaces len() and zip(), with which a judge may compare lines
# goal: false_pass
# want: wrong_answer runtime_error
# case: ["4\n", "8210734597\n1"]
import builtins

true_len = len
builtins.len = lambda value: 1 if isinstance(value, list) else true_len(value)
builtins.zip = lambda *values, **options: ()
print("something else")
