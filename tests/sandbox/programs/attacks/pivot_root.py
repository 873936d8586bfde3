# class: escape
# about: Exchanges its root directory, in new namespaces if need be
# goal: forbidden
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import ctypes
import errno
import platform

number = {"x86_64": 155, "aarch64": 41}[platform.machine()]
libc = ctypes.CDLL(None, use_errno=True)
libc.unshare(0x10000000 | 0x00020000)
if libc.syscall(number, b"/", b"/") == 0 or ctypes.get_errno() in (errno.EBUSY, errno.EINVAL):
    print("PW" + "NED pivot_root")
