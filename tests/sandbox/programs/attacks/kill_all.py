# class: escape
# about: Kills every process it may
# goal: kill_judge
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import os
import signal

os.kill(-1, signal.SIGKILL)
