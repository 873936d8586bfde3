# class: escape
# about: Changes the machine's swap and process accounting
# unproven: needs root
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import ctypes
import errno
import platform

libc = ctypes.CDLL(None, use_errno=True)
on, off, account = {"x86_64": (167, 168, 163), "aarch64": (224, 225, 89)}[platform.machine()]
for number, arguments in [(on, (b"/nowhere", 0)), (off, (b"/nowhere",)), (account, (b"/nowhere",))]:
    if libc.syscall(number, *arguments) == 0 or ctypes.get_errno() not in (errno.EPERM, errno.ENOSYS):
        print("PW" + "NED", number)
