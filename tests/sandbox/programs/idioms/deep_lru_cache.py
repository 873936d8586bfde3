# class: idiom
# about: Cached recursion 200,000 deep
# case: ["200000\n", "200000"]
import sys
from functools import lru_cache

sys.setrecursionlimit(10**6)


@lru_cache(maxsize=None)
def steps(n):
    return 0 if n == 0 else steps(n - 1) + 1


print(steps(int(input())))
