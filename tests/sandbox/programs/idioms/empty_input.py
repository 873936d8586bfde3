# class: idiom
# about: No input at all
# case: ["", "nothing"]
import sys

print("something" if sys.stdin.read() else "nothing")
