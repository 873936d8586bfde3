# class: escape
# about: Kills its parent
# goal: kill_judge
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import os
import signal
import time

os.kill(os.getppid(), signal.SIGKILL)
print("PW" + "NED")
time.sleep(0.2)
