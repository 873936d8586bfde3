# class: idiom
# about: Flushes, then ends with os._exit
# case: ["3\n", "9"]
import os
import sys

sys.stdout.write(str(int(input()) ** 2))
sys.stdout.flush()
os._exit(0)
