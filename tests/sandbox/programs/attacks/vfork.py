# class: escape
# about: Makes a process that borrows its memory, a call that filters for fork forget
# goal: forbidden
# machine: x86_64
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)
message = b"PW" + b"NED child of vfork\n"
if libc.syscall(58) == 0:
    os.write(1, message)
    os._exit(0)
