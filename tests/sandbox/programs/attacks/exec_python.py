# class: escape
# about: Executes an interpreter, the one program that must lie in reach
# goal: forbidden
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import os
import sys

for path in {sys.executable, os.path.realpath("/proc/self/exe"), sys.base_prefix + "/bin/python3", "/usr/bin/python3"}:
    try:
        os.execv(path, [path, "-I", "-S", "-c", "print('PW' + 'NED python')"])
    except (OSError, ValueError):
        pass
