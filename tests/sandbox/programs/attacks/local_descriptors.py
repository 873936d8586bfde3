# class: escape
# about: Changes its processor's segment table, an old door into the kernel
# goal: forbidden
# machine: x86_64
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import ctypes
import struct

entry = ctypes.create_string_buffer(struct.pack("=IIII", 0, 0, 0xFFFF, 0x51), 16)
if ctypes.CDLL(None, use_errno=True).syscall(154, 1, entry, 16) == 0:
    print("PW" + "NED modify_ldt")
