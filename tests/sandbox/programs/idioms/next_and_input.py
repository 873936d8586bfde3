# class: idiom
# about: next(sys.stdin) before input()
# case: ["2\n3\n", "5"]
import sys

first = next(sys.stdin)
print(int(first) + int(sys.stdin.readline()))
