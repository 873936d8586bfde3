# class: escape
# about: Moves to a new user namespace
# goal: forbidden
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import ctypes

if ctypes.CDLL(None, use_errno=True).unshare(0x10000000) == 0:
    print("PW" + "NED new user namespace")
