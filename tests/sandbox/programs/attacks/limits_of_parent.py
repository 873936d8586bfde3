# class: escape
# about: Lowers its parent's limits
# goal: kill_judge
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import os
import resource

for pid in {os.getppid(), os.getpid() - 1, 1}:
    try:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, 3))
    except (OSError, ValueError):
        continue
    print("PW" + "NED limits of", pid)
