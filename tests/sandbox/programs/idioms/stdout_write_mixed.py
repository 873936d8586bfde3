# class: idiom
# about: Text and bytes on standard output, flushed between
# case: ["4\n", "first\nsecond 4\nthird"]
import sys

print("first")
sys.stdout.write("second " + input() + "\n")
sys.stdout.flush()
sys.stdout.buffer.write(b"third")
