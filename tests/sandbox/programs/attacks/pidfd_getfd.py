# class: escape
# about: Takes the judge's own descriptors out of it
# goal: forbidden
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)
parent = os.pidfd_open(os.getppid())
for number in range(64):
    fd = libc.syscall(438, parent, number, 0)
    if fd >= 0:
        print("PW" + "NED descriptor", number)
