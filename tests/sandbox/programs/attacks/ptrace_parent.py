# class: escape
# about: Attaches to its parent as a debugger
# goal: hang_judge
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import ctypes
import os
import time

libc = ctypes.CDLL(None, use_errno=True)
if libc.ptrace(16, os.getppid(), None, None) == 0:
    print("PW" + "NED attached")
    time.sleep(60)
