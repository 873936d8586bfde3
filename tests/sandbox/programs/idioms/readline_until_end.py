# class: idiom
# about: readline until it is empty
# case: ["1\n2\n3", "6"]
import sys

total = 0
while line := sys.stdin.readline():
    total += int(line)
print(total)
