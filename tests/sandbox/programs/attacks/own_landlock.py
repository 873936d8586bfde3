# class: escape
# about: Asks for Landlock's version and makes rules of its own
# goal: forbidden
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import ctypes
import struct

libc = ctypes.CDLL(None, use_errno=True)
if libc.syscall(444, None, 0, 1) >= 0:
    print("PW" + "NED Landlock version")
rights = ctypes.create_string_buffer(struct.pack("=Q", 1), 8)
for size in (8, 16, 24, 4096):
    if libc.syscall(444, ctypes.create_string_buffer(rights.raw, size), size, 0) >= 0:
        print("PW" + "NED Landlock rules of", size)
