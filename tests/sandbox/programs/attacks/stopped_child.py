# class: survival
# about: Leaves a child that has stopped itself
# goal: survivor
# want: runtime_error wrong_answer signal idle_limit
# case: ["1\n", "never"]
import os
import signal

if os.fork() == 0:
    os.setsid()
    os.closerange(0, 256)
    os.kill(os.getpid(), signal.SIGSTOP)
    os._exit(0)
print(4)
