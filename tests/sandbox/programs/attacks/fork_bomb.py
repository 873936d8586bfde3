# class: exhaustion
# about: Forks without end
# goal: exhaust_processes
# want: runtime_error wrong_answer signal idle_limit time_limit
# case: ["1\n", "never"]
import os
import time

while True:
    try:
        os.fork()
    except OSError:
        time.sleep(0.5)
