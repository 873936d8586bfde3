# class: persistence
# about: Remembers the first test in the state of random
# goal: false_pass
# want: wrong_answer runtime_error
# case: ["first\n", "first"]
# case: ["second\n", "first"]
import random

given = input()
state = random.getstate()
random.seed(7)
print("first" if state == random.getstate() else given)
