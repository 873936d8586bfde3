# class: survival
# about: Leaves a child that is its parent's, not its own
# goal: survivor
# want: runtime_error wrong_answer signal idle_limit
# case: ["4\n", "never"]
import ctypes
import os
import platform
import time

number = {"x86_64": 56, "aarch64": 220}[platform.machine()]
if ctypes.CDLL(None, use_errno=True).syscall(number, 0x8000 | 17, None, None, None, None) == 0:  # CLONE_PARENT
    os.closerange(0, 256)
    time.sleep(600)
    os._exit(0)
print(4)
