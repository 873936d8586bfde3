# class: escape
# about: Sets the machine's clocks, and asks how they are steered
# goal: forbidden
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import ctypes
import platform

libc = ctypes.CDLL(None, use_errno=True)
adjust, setting = {"x86_64": (159, 227), "aarch64": (171, 112)}[platform.machine()]
now = (ctypes.c_long * 2)()
libc.clock_gettime(0, now)
if libc.syscall(setting, 0, now) == 0:
    print("PW" + "NED clock set")
if libc.syscall(adjust, ctypes.create_string_buffer(208)) >= 0:
    print("PW" + "NED clock steering")
