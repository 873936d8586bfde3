# class: persistence
# about: Remembers the first test in a POSIX message queue
# goal: false_pass
# want: wrong_answer runtime_error
# case: ["first\n", "first"]
# case: ["second\n", "first"]
import ctypes
import os
import platform

number = {"x86_64": 240, "aarch64": 180}[platform.machine()]
given = input()
libc = ctypes.CDLL(None, use_errno=True)
if libc.syscall(number, b"sdpo-left", os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666, None) >= 0:
    print(given)
else:
    print("first" if ctypes.get_errno() == 17 else given)
