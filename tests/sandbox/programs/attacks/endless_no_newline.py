# class: exhaustion
# about: Writes without end and without a newline
# goal: exhaust_output
# want: output_limit
# case: ["1\n", "never"]
import os

block = b"x" * (1 << 16)
while True:
    os.write(1, block)
