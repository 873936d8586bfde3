# class: exhaustion
# about: Fills whatever file system it may write to
# goal: forbidden
# want: runtime_error wrong_answer output_limit
# case: ["1\n", "never"]
import os

for place in ["/tmp", "/dev/shm", "/var/tmp", os.getcwd()]:
    try:
        fd = os.open(os.path.join(place, f"sdpo-left-{os.getpid()}"), os.O_CREAT | os.O_WRONLY)
        for _ in range(40):
            os.write(fd, bytes(1 << 20))
        print("PW" + "NED 40 MiB in", place)
    except OSError:
        pass
