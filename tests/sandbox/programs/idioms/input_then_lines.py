# class: idiom
# about: input(), then the rest line by line
# case: ["2\n1 2\n3 4\n", "3\n7"]
import sys

input()
for line in sys.stdin:
    print(sum(map(int, line.split())))
