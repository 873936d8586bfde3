# class: escape
# about: Makes a device node, and a named pipe where two programs could meet
# goal: forbidden
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import os
import stat

for place in ["/tmp", "/dev/shm", "/var/tmp", "/", os.getcwd()]:
    for kind, number in [(stat.S_IFCHR, os.makedev(1, 1)), (stat.S_IFBLK, os.makedev(8, 0)), (stat.S_IFIFO, 0), (stat.S_IFSOCK, 0)]:
        try:
            os.mknod(os.path.join(place, f"sdpo-left-node-{kind}"), kind | 0o666, number)
            print("PW" + "NED node in", place)
        except OSError:
            pass
