# class: escape
# about: Restarts the machine, starts another kernel; with arguments that would do no harm
# unproven: needs root
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import ctypes
import errno
import platform

libc = ctypes.CDLL(None, use_errno=True)
restart, other = {"x86_64": (169, 246), "aarch64": (142, 104)}[platform.machine()]
for number, arguments in [(restart, (0, 0, 0, 0)), (other, (0, 0, 0, 0xFFFF))]:
    if libc.syscall(number, *arguments) == 0 or ctypes.get_errno() not in (errno.EPERM, errno.ENOSYS):
        print("PW" + "NED machine call", number)
