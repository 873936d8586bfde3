# class: escape
# about: Compares its kernel objects with those of others, which tells where they lie
# goal: forbidden
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import ctypes
import os
import platform

number = {"x86_64": 312, "aarch64": 272}[platform.machine()]
libc = ctypes.CDLL(None, use_errno=True)
for pid in (os.getpid(), os.getppid()):
    if libc.syscall(number, os.getpid(), pid, 1, 0, 0) >= 0:
        print("PW" + "NED kcmp with", pid)
