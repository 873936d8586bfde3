# class: escape
# about: Reads the kernel's log and its size
# unproven: needs root
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import ctypes
import errno
import platform

number = {"x86_64": 103, "aarch64": 116}[platform.machine()]
libc = ctypes.CDLL(None, use_errno=True)
buffer = ctypes.create_string_buffer(4096)
if libc.syscall(number, 3, buffer, 4096) >= 0 or libc.syscall(number, 10, None, 0) >= 0 or ctypes.get_errno() != errno.EPERM:
    print("PW" + "NED kernel log")
