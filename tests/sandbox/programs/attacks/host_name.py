# class: escape
# about: Renames the machine, in new namespaces if need be
# goal: forbidden
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import ctypes

libc = ctypes.CDLL(None, use_errno=True)
libc.unshare(0x10000000 | 0x04000000)
if libc.sethostname(b"mine", 4) == 0:
    print("PW" + "NED host name")
