# class: escape
# about: Executes a file by its descriptor
# goal: forbidden
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import ctypes
import os
import platform

number = {"x86_64": 322, "aarch64": 281}[platform.machine()]
libc = ctypes.CDLL(None, use_errno=True)
arguments = (ctypes.c_char_p * 4)(b"sh", b"-c", b"echo PW''NED by descriptor", None)
for path in ("/bin/sh", "/bin/busybox"):
    try:
        fd = os.open(path, os.O_RDONLY)
    except OSError:
        continue
    libc.syscall(number, fd, b"", arguments, None, 0x1000)
