# class: escape
# about: Has the memory of others thrown out
# goal: forbidden
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import ctypes
import os


class Span(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


libc = ctypes.CDLL(None, use_errno=True)
page = ctypes.create_string_buffer(1 << 16)
for pid in (os.getppid(), os.getpid()):
    fd = libc.syscall(434, pid, 0)
    if fd >= 0:
        print("PW" + "NED handle of process", pid)
        libc.syscall(440, fd, ctypes.byref(Span(ctypes.addressof(page), 1 << 16)), 1, 21, 0)
        libc.syscall(448, fd, 0)
