# class: persistence
# about: Remembers the first test in the environment
# goal: false_pass
# want: wrong_answer runtime_error
# case: ["first\n", "first"]
# case: ["second\n", "first"]
import os

print(os.environ.setdefault("SEEN", input()))
