# class: escape
# about: Loads, and removes, kernel modules
# unproven: needs root
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import ctypes
import errno
import platform

libc = ctypes.CDLL(None, use_errno=True)
load, by_file, remove = {"x86_64": (175, 313, 176), "aarch64": (105, 273, 106)}[platform.machine()]
for number, arguments in [(load, (0, 0, b"")), (by_file, (-1, b"", 0)), (remove, (b"no-such-module", 0o4000))]:
    if libc.syscall(number, *arguments) == 0 or ctypes.get_errno() not in (errno.EPERM, errno.ENOSYS):
        print("PW" + "NED module call", number)
