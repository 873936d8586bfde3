# class: idiom
# about: Writes all its output in an exit function
# case: ["3\n", "1\n2\n3"]
import atexit
import io
import sys

out = io.StringIO()
sys.stdout = out
atexit.register(lambda: sys.__stdout__.write(out.getvalue()))
for i in range(int(input())):
    print(i + 1)
