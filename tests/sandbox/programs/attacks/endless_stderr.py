# class: exhaustion
# about: Writes without end on standard error
# goal: exhaust_output
# want: output_limit
# case: ["1\n", "never"]
import sys

line = "all work and no play " * 1000
while True:
    print(line, file=sys.stderr)
