# class: escape
# about: Pins its parent to one core and makes it nice
# goal: forbidden
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import os

parent = os.getppid()
os.sched_setaffinity(parent, {0})
os.setpriority(os.PRIO_PROCESS, parent, 19)
print("PW" + "NED scheduling of", parent)
