# class: idiom
# about: sys.stdin.buffer.readline, many times
# case: ["2\n10 20\n30 40\n", "30\n70"]
import sys

input = sys.stdin.buffer.readline
for _ in range(int(input())):
    print(sum(map(int, input().split())))
