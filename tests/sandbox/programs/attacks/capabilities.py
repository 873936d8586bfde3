# class: escape
# about: Sets its capabilities and their inheritance
# goal: forbidden
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import ctypes
import platform
import struct

number = {"x86_64": 126, "aarch64": 91}[platform.machine()]
libc = ctypes.CDLL(None, use_errno=True)
header = ctypes.create_string_buffer(struct.pack("=Ii", 0x20080522, 0), 8)
if libc.syscall(number, header, ctypes.create_string_buffer(24)) == 0:
    print("PW" + "NED capset")
if libc.prctl(8, 1, 0, 0, 0) == 0 or libc.prctl(28, 0, 0, 0, 0) == 0:  # PR_SET_KEEPCAPS, PR_SET_SECUREBITS
    print("PW" + "NED keepcaps")
