# class: escape
# about: Moves pages between pipes, a step of several kernel exploits
# goal: forbidden
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import ctypes
import os
import platform

vmsplice, tee = {"x86_64": (278, 276), "aarch64": (75, 77)}[platform.machine()]


class Span(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


libc = ctypes.CDLL(None, use_errno=True)
(reader, writer), (_, target) = os.pipe(), os.pipe()
page = ctypes.create_string_buffer(4096)
if libc.syscall(vmsplice, writer, ctypes.byref(Span(ctypes.addressof(page), 4096)), 1, 0) > 0:
    print("PW" + "NED vmsplice")
if libc.syscall(tee, reader, target, 4096, 2) > 0:
    print("PW" + "NED tee")
