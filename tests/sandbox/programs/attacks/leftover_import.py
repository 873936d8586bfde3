# class: persistence
# about: Leaves a module that later interpreters would import
# goal: forbidden
# want: runtime_error wrong_answer signal
# case: ["4\n", "never"]
import os
import sys

for place in [path for path in sys.path if path] + ["/tmp"]:
    try:
        with open(os.path.join(place, "sitecustomize.py"), "w") as file:
            file.write("import builtins")
        print("PW" + "NED module in", place)
    except OSError:
        pass
