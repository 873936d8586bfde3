# class: exhaustion
# about: Makes empty files without end, to use up the inodes
# goal: exhaust_files
# want: runtime_error wrong_answer
# case: ["1\n", "never"]
import itertools
import os
import tempfile

for place in ["/tmp", "/dev/shm", "/var/tmp", os.getcwd()]:
    try:
        for number in itertools.count():
            os.close(os.open(os.path.join(place, f"sdpo-left-{number}"), os.O_CREAT | os.O_WRONLY))
            if number == 5000:
                print("PW" + "NED files in", place)
                break
    except OSError:
        pass
