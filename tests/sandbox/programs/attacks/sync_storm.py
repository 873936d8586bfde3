# class: exhaustion
# about: Makes the kernel write everybody's files to disk
# goal: forbidden
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import ctypes
import platform

number = {"x86_64": 162, "aarch64": 81}[platform.machine()]
if ctypes.CDLL(None, use_errno=True).syscall(number) == 0:
    print("PW" + "NED sync")
