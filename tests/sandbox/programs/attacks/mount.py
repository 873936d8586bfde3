# class: escape
# about: Mounts a file system, in new namespaces if need be
# goal: forbidden
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import ctypes

libc = ctypes.CDLL(None, use_errno=True)
libc.unshare(0x10000000 | 0x00020000)
if libc.mount(b"none", b"/", b"tmpfs", 0, None) == 0 or libc.mount(b"none", b"/tmp", b"tmpfs", 0, None) == 0:
    print("PW" + "NED mounted")
