# class: escape
# about: Kills its parent through a pidfd
# goal: kill_judge
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import os
import signal
import time

signal.pidfd_send_signal(os.pidfd_open(os.getppid()), signal.SIGKILL)
print("PW" + "NED")
time.sleep(0.2)
