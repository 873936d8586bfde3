# class: exhaustion
# about: Writes without end and swallows the errors of a full file
# goal: exhaust_output
# want: output_limit time_limit signal
# case: ["1\n", "never"]
import os

block = b"z" * (1 << 16)
while True:
    try:
        os.write(2, block)
    except OSError:
        pass
