# class: persistence
# about: Remembers the first test in the umask
# goal: false_pass
# want: wrong_answer runtime_error
# case: ["first\n", "first"]
# case: ["second\n", "first"]
import os

given = input()
mask = os.umask(0o123)
print("first" if mask == 0o123 else given)
