# class: oddity
# about: Empties every module
# goal: judge_raises
# want: wrong_answer runtime_error signal
# case: ["4\n", "8210734593"]
import builtins
import sys

for module in list(sys.modules.values()):
    if module is not builtins:
        for name in [name for name in vars(module) if not name.startswith("__")]:
            delattr(module, name)
