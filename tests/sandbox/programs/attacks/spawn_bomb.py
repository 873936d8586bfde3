# class: exhaustion
# about: Starts 150 commands
# goal: exhaust_processes
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import os
import time

for _ in range(150):
    os.posix_spawn("/bin/sleep", ["sleep", "30"], {})
time.sleep(1)
