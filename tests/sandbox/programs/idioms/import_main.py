# class: idiom
# about: Imports itself as __main__
# case: ["4\n", "16"]
import sys

n = int(input())
this = sys.modules["__main__"]
import __main__

assert this is __main__
print(__main__.n ** 2)
