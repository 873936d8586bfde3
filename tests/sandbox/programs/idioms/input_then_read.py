# class: idiom
# about: input(), then the rest at once
# case: ["2\n1 2\n3 4\n", "2 10"]
import sys

n = int(input())
print(n, sum(map(int, sys.stdin.read().split())))
