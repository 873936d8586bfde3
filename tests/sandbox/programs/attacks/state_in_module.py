# class: persistence
# about: Remembers the first test in a module
# goal: false_pass
# want: wrong_answer runtime_error
# case: ["first\n", "first"]
# case: ["second\n", "first"]
import math

given = input()
print(getattr(math, "seen", given))
math.seen = given
