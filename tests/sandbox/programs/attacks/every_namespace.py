# class: escape
# about: Makes a namespace of every kind, and opens those of others
# goal: forbidden
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)
for kind in ("mnt", "net", "pid", "ipc", "uts", "user", "cgroup", "time"):
    for owner in ("1", os.getppid()):
        try:
            os.close(os.open(f"/proc/{owner}/ns/{kind}", os.O_RDONLY))
            print("PW" + "NED namespace", kind, "of", owner)
        except OSError:
            pass
for flag in (0x400, 0x200, 0x40000, 0x80, 0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):
    if libc.unshare(flag) == 0:
        print("PW" + "NED unshare", hex(flag))
