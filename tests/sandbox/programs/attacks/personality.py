# class: escape
# about: Switches address randomisation off for what comes after it
# goal: forbidden
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import ctypes

libc = ctypes.CDLL(None, use_errno=True)
if libc.personality(0x0040000) >= 0:
    print("PW" + "NED personality")
