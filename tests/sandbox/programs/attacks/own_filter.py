# class: escape
# about: Loads a seccomp filter that listens: it could answer its supervisor's system calls
# goal: forbidden
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
# With a filter of its own, a program could change what its supervisor's system calls seem to return.
import ctypes
import platform

number = {"x86_64": 317, "aarch64": 277}[platform.machine()]


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_void_p)]


libc = ctypes.CDLL(None, use_errno=True)
allow = ctypes.create_string_buffer(bytes.fromhex("060000000000ff7f"), 8)
libc.prctl(38, 1, 0, 0, 0)
if libc.syscall(number, 1, 8, ctypes.byref(Program(1, ctypes.addressof(allow)))) >= 0:
    print("PW" + "NED listening filter")
