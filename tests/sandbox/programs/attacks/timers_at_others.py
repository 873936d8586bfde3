# class: escape
# about: Makes kernel timers and aims their signals
# goal: forbidden
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import ctypes
import platform
import struct

create, message = {"x86_64": (222, 240), "aarch64": (107, 180)}[platform.machine()]
libc = ctypes.CDLL(None, use_errno=True)
event = ctypes.create_string_buffer(struct.pack("=QiiI", 0, 10, 0, 0), 64)
if libc.syscall(create, 1, event, ctypes.byref(ctypes.c_int())) == 0:
    print("PW" + "NED timer")
