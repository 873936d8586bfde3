# class: exhaustion
# about: One call that never returns to the interpreter's loop, where signal handlers run
# goal: overtime
# want: time_limit
# case: ["1\n", "never"]
import itertools

print(sum(itertools.repeat(1)))
