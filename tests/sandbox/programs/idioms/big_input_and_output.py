# class: idiom
# about: Megabytes on both outputs
# case: ["300000\n", "300000"]
import sys

n = int(input())
sys.stderr.write("x" * n)
lines = "\n" * n
print(lines + str(n))
