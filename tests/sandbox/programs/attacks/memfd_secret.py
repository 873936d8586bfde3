# class: escape
# about: Takes memory that not even the kernel can read
# unproven: kernels may be built without it
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import ctypes

if ctypes.CDLL(None, use_errno=True).syscall(447, 0) >= 0:
    print("PW" + "NED secret memory")
