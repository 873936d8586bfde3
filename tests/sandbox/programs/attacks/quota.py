# class: escape
# about: Asks for, and writes out, disk quotas
# goal: forbidden
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import ctypes
import errno
import platform

number = {"x86_64": 179, "aarch64": 60}[platform.machine()]
if ctypes.CDLL(None, use_errno=True).syscall(number, 0x800001 << 8, None, 0, None) == 0:  # Q_SYNC of every file system
    print("PW" + "NED quotactl")
