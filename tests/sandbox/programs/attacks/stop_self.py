# class: exhaustion
# about: Stops itself with kill()
# goal: hang_judge
# want: idle_limit runtime_error wrong_answer signal
# case: ["1\n", "never"]
import os
import signal

os.kill(os.getpid(), signal.SIGSTOP)
