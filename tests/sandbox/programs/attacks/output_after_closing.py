# class: exhaustion
# about: Writes without end on standard output after closing it
# goal: exhaust_output
# want: output_limit time_limit
# case: ["1\n", "never"]
import os
import sys

sys.stdout.close()
block = b"x" * (1 << 16)
while True:
    os.write(1, block)
