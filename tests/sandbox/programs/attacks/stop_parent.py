# class: escape
# about: Stops its parent
# goal: hang_judge
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import os
import signal
import time

os.kill(os.getppid(), signal.SIGSTOP)
time.sleep(60)
