# class: exhaustion
# about: Locks its memory, so that the kernel cannot take it back
# goal: forbidden
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import ctypes

libc = ctypes.CDLL(None, use_errno=True)
page = ctypes.create_string_buffer(8192)
if libc.mlock(page, 8192) == 0 or libc.mlockall(1) == 0:
    print("PW" + "NED locked memory")
