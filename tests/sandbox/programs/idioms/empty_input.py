# class: idiom
# case: ["", "nothing"]
import sys

print("something" if sys.stdin.read() else "nothing")
