# class: exhaustion
# about: Leaves dead children that nobody buries: each holds a process number
# goal: forbidden
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import os

for _ in range(120):
    if os.fork() == 0:
        os._exit(0)
print("PW" + "NED zombies")
