# class: escape
# about: A newer way to make a process, which filters written for clone and fork forget
# goal: forbidden
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import ctypes
import os
import struct

arguments = ctypes.create_string_buffer(struct.pack("=8Q", 0, 0, 0, 0, 17, 0, 0, 0), 64)
pid = ctypes.CDLL(None, use_errno=True).syscall(435, arguments, 64)
if pid == 0:
    os._exit(0)
if pid > 0:
    print("PW" + "NED child", pid)
