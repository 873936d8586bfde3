# class: survival
# about: Leaves a child in a session of its own
# goal: survivor
# want: runtime_error wrong_answer signal
# case: ["4\n", "never"]
import os
import time

if os.fork() == 0:
    os.setsid()
    os.closerange(0, 256)
    time.sleep(600)
    os._exit(0)
print(4)
