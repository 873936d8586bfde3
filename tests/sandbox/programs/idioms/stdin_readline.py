# class: idiom
# about: sys.stdin.readline as input
# case: ["2\n10 20\n30 40", "30\n70"]
import sys

input = sys.stdin.readline
for _ in range(int(input())):
    a, b = map(int, input().rstrip().split())
    print(a + b)
