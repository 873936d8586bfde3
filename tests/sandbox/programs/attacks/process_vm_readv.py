# class: escape
# about: Reads its parent's memory without /proc
# goal: forbidden
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
# A forked child shares its parent's addresses: the bytes found at one of them there are the parent's.
import ctypes
import os


class Span(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


libc = ctypes.CDLL(None, use_errno=True)
libc.process_vm_readv.restype = ctypes.c_ssize_t
buffer = ctypes.create_string_buffer(16)
local = Span(ctypes.addressof(buffer), 16)
for pid in {os.getppid(), 1, 2, 3}:
    remote = Span(id(None), 16)
    if libc.process_vm_readv(pid, ctypes.byref(local), 1, ctypes.byref(remote), 1, 0) == 16:
        print("PW" + "NED memory of", pid)
