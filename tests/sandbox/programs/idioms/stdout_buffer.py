# class: idiom
# about: Writes to sys.stdout.buffer
# case: ["4\n", "0\n1\n4\n9"]
import sys

sys.stdout.buffer.write(b"\n".join(b"%d" % (i * i) for i in range(int(input()))) + b"\n")
