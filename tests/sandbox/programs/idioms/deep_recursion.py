# class: idiom
# about: Recursion 100,000 deep
# case: ["100000\n", "5000050000"]
import sys

sys.setrecursionlimit(10**6)


def total(n):
    if n == 0:
        return 0
    return n + total(n - 1)


print(total(int(input())))
