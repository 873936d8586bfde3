# class: idiom
# about: Sets a recursion limit of a billion, and recurses a little
# case: ["1000\n", "1000"]
import sys

sys.setrecursionlimit(10**9)


def depth(n):
    return n and 1 + depth(n - 1)


print(depth(int(input())))
