# class: escape
# about: Handles its own page faults, a step of many kernel exploits
# goal: forbidden
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import ctypes
import platform

number = {"x86_64": 323, "aarch64": 282}[platform.machine()]
if ctypes.CDLL(None, use_errno=True).syscall(number, 1) >= 0:
    print("PW" + "NED userfaultfd")
