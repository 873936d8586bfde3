# class: idiom
# about: Reads on where there is nothing more, in every way
# case: ["1\n2", "1 2 [] '' b'' '' EOF EOF"]
import os
import sys

a, b = input(), input()
words = [a, b, sys.stdin.readlines(), repr(sys.stdin.read()), os.read(0, 10), repr(sys.stdin.readline())]
for _ in range(2):
    try:
        words.append(input())
    except EOFError:
        words.append("EOF")
print(*words)
