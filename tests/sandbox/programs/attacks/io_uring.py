# class: escape
# about: Sets up io_uring, which makes system calls past a filter
# goal: forbidden
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import ctypes

if ctypes.CDLL(None, use_errno=True).syscall(425, 8, ctypes.create_string_buffer(120)) >= 0:
    print("PW" + "NED io_uring")
