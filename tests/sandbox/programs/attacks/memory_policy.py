# class: escape
# about: Chooses the memory nodes of its own and of others' pages
# unproven: kernels may be built without it
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import ctypes
import os
import platform

setting, migrate, move = {"x86_64": (238, 256, 279), "aarch64": (237, 238, 239)}[platform.machine()]
libc = ctypes.CDLL(None, use_errno=True)
mask = ctypes.create_string_buffer(b"\1", 8)
if libc.syscall(setting, 3, mask, 64) == 0:
    print("PW" + "NED memory policy")
if libc.syscall(migrate, os.getppid(), 64, mask, mask) >= 0 or libc.syscall(move, os.getppid(), 0, 0, 0, 0, 0) == 0:
    print("PW" + "NED pages of others")
