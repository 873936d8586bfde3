# class: escape
# about: Changes its root directory
# goal: forbidden
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import ctypes
import os

ctypes.CDLL(None, use_errno=True).unshare(0x10000000)
os.chroot("/")
print("PW" + "NED chroot")
