# class: escape
# about: Watches files that others use
# goal: forbidden
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import ctypes
import platform

fanotify, inotify, watch = {"x86_64": (300, 294, 254), "aarch64": (262, 26, 27)}[platform.machine()]
libc = ctypes.CDLL(None, use_errno=True)
if libc.syscall(fanotify, 0x200, 0) >= 0:
    print("PW" + "NED fanotify")
fd = libc.syscall(inotify, 0)
if fd >= 0 and libc.syscall(watch, fd, b"/tmp", 0xFFF) >= 0:
    print("PW" + "NED inotify")
