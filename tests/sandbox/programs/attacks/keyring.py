# class: escape
# about: Leaves a message in the user's keyring
# goal: forbidden
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import ctypes
import platform

number = {"x86_64": 248, "aarch64": 217}[platform.machine()]
libc = ctypes.CDLL(None, use_errno=True)
if libc.syscall(number, b"user", b"covert", b"message", 7, -4) >= 0:
    print("PW" + "NED user keyring")
