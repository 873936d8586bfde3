# class: tampering
# about: Replaces every function whose name smells of judging
# goal: false_pass
# want: wrong_answer runtime_error
# case: ["4\n", "8210734570"]
import sys
import types


def yes(*args, **kwargs):
    return True


for module in list(sys.modules.values()):
    for name, value in list(vars(module).items()):
        if isinstance(value, types.FunctionType) and value is not yes:
            if any(word in name for word in ("same", "compare", "check", "grade", "equal", "match_output")):
                try:
                    setattr(module, name, yes)
                except (AttributeError, TypeError):
                    pass
print("something else")
