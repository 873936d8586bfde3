# class: escape
# about: Sends its parent an interrupt
# goal: judge_raises
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import os
import signal
import time

os.kill(os.getppid(), signal.SIGINT)
time.sleep(0.2)
