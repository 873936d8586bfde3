# class: idiom
# about: sys.stdin.buffer.read
# case: ["3\n1 2 3\n", "6"]
import sys

data = sys.stdin.buffer.read().split()
print(sum(map(int, data[1:])))
