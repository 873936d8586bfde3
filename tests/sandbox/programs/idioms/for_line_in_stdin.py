# class: idiom
# about: Iterates over standard input
# case: ["1 2\n3 4\n5 6\n", "3\n7\n11"]
import sys

for line in sys.stdin:
    print(sum(map(int, line.split())))
