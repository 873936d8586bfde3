# class: persistence
# about: Remembers the first test in its niceness
# goal: false_pass
# want: wrong_answer runtime_error
# case: ["first\n", "first"]
# case: ["second\n", "first"]
import os

given = input()
print("first" if os.getpriority(os.PRIO_PROCESS, 0) else given)
os.nice(1)
