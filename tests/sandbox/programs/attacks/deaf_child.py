# class: survival
# about: Leaves a child that ignores and blocks every signal
# goal: survivor
# want: runtime_error wrong_answer signal idle_limit
# case: ["1\n", "never"]
import os
import signal
import time

if os.fork() == 0:
    os.setsid()
    for number in range(1, 65):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            pass
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
    os.closerange(0, 256)
    time.sleep(600)
    os._exit(0)
print(4)
