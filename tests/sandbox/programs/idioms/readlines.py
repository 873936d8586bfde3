# class: idiom
# about: readlines
# case: ["b\na\nc", "a\nb\nc"]
import sys

print("\n".join(sorted(line.strip() for line in sys.stdin.readlines())))
