# class: survival
# about: Leaves the process group and session by which a judge would kill it
# goal: forbidden
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import os

for leave in (os.setsid, lambda: os.setpgid(0, 0)):
    try:
        leave()
        print("PW" + "NED session or group of its own")
    except OSError:
        pass
