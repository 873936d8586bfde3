# class: escape
# about: Makes a child in a new user namespace
# goal: forbidden
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import ctypes
import os
import platform

number = {"x86_64": 56, "aarch64": 220}[platform.machine()]
pid = ctypes.CDLL(None, use_errno=True).syscall(number, 0x10000000 | 17, None, None, None, None)
if pid == 0:
    os._exit(0)
if pid > 0:
    print("PW" + "NED child in a new user namespace")
