# class: escape
# about: Takes uid 0, in a new user namespace if need be
# goal: forbidden
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import ctypes
import os

uid = os.getuid()
if ctypes.CDLL(None, use_errno=True).unshare(0x10000000) == 0:
    with open("/proc/self/uid_map", "w") as file:
        file.write(f"0 {uid} 1")
os.setuid(0)
print("PW" + "NED uid", os.getuid())
