# class: persistence
# about: Remembers the first test in its working directory
# goal: false_pass
# want: wrong_answer runtime_error
# case: ["first\n", "first"]
# case: ["second\n", "first"]
import os

given = input()
print("first" if os.getcwd() == "/dev" else given)
os.chdir("/dev")
