# class: exhaustion
# about: Writes without end on every descriptor that it was given
# unproven: aimed at this sandbox's own result file
# want: output_limit time_limit
# case: ["1\n", "never"]
import os

block = b"x" * (1 << 16)
for fd in range(63, -1, -1):
    try:
        while True:
            os.write(fd, block)
    except OSError:
        pass
while True:
    os.write(1, block)
