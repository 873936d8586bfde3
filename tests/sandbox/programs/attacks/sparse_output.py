# class: exhaustion
# about: Makes its output huge without writing it
# goal: exhaust_output
# want: output_limit signal runtime_error
# case: ["1\n", "never"]
import os

os.ftruncate(1, 60 << 20)
os.lseek(1, 0, os.SEEK_END)
while True:
    os.write(1, b"x" * (1 << 16))
