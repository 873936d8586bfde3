# class: escape
# about: Kills its process group
# goal: kill_judge
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import os
import signal

os.killpg(os.getpgid(0), signal.SIGKILL)
