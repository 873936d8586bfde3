# class: idiom
# about: Makes standard output anew with a buffer of its own size
# case: ["3\n", "0\n1\n2"]
import os
import sys

sys.stdout = os.fdopen(1, "w", buffering=1 << 20)
for i in range(int(input())):
    sys.stdout.write(f"{i}\n")
