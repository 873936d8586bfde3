# class: survival
# about: Leaves a grandchild that init inherits
# goal: survivor
# want: runtime_error wrong_answer signal
# case: ["4\n", "never"]
import os
import time

if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.closerange(0, 256)
        while True:
            time.sleep(600)
    os._exit(0)
os.wait()
print(4)
