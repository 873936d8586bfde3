# class: idiom
# about: Blank lines in its input
# case: ["\n\n3\n\n4\n\n", "7"]
import sys

print(sum(int(line) for line in sys.stdin if line.strip()))
