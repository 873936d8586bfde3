# class: idiom
# case: ["1\n2\n3", "6"]
import sys

total = 0
while line := sys.stdin.readline():
    total += int(line)
print(total)
