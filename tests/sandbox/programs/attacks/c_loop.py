# class: exhaustion
# goal: overtime
# want: time_limit
# case: ["1\n", "never"]
# One call that never returns to the interpreter's loop, where signal handlers run.
import itertools

print(sum(itertools.repeat(1)))
