# class: escape
# about: Makes a BPF map and loads a BPF program
# unproven: kernels refuse it to ordinary users
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import ctypes
import platform
import struct

number = {"x86_64": 321, "aarch64": 280}[platform.machine()]
libc = ctypes.CDLL(None, use_errno=True)
array = ctypes.create_string_buffer(struct.pack("=IIIII", 2, 4, 4, 1, 0), 128)
code = ctypes.create_string_buffer(bytes.fromhex("b700000000000000" "9500000000000000"), 16)
text = ctypes.create_string_buffer(b"GPL")
load = struct.pack("=IIQQ", 1, 2, ctypes.addressof(code), ctypes.addressof(text))
if libc.syscall(number, 0, array, 128) >= 0:
    print("PW" + "NED map")
if libc.syscall(number, 5, ctypes.create_string_buffer(load, 128), 128) >= 0:
    print("PW" + "NED program")
