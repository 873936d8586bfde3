# class: exhaustion
# about: Nests directories deeper than a path can say
# goal: forbidden
# want: runtime_error wrong_answer
# case: ["1\n", "never"]
import os

for place in ["/tmp", "/dev/shm", "/var/tmp", os.getcwd()]:
    try:
        directory = os.open(place, os.O_RDONLY)
        for depth in range(2000):
            os.mkdir("sdpo-left", dir_fd=directory)
            below = os.open("sdpo-left", os.O_RDONLY, dir_fd=directory)
            os.close(directory)
            directory = below
        print("PW" + "NED directories in", place)
    except OSError:
        pass
