# class: idiom
# about: print, write, bytes, os.write and standard error in turn, flushed where it matters
# case: ["2\n", "1 2 3 4 5"]
import os
import sys

print("1", end=" ", flush=True)
os.write(1, b"%s " % input().encode())
sys.stdout.write("3 ")
sys.stdout.flush()
sys.stderr.write("aside\n")
sys.stdout.buffer.write(b"4 ")
sys.stdout.buffer.flush()
with os.fdopen(os.dup(1), "w") as copy:
    copy.write("5\n")
