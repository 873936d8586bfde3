# class: idiom
# about: A tour of functools
# case: ["5\n", "120 8 [3, 2, 1] 4"]
import functools
from functools import cache, cmp_to_key, partial, reduce, singledispatch, total_ordering, wraps
from operator import mul


@cache
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


@total_ordering
class Rank:
    def __init__(self, value):
        self.value = value

    def __eq__(self, other):
        return self.value == other.value

    def __lt__(self, other):
        return self.value < other.value


print(reduce(mul, range(1, int(input()) + 1)), fib(6), sorted([1, 3, 2], key=cmp_to_key(lambda a, b: b - a)), partial(pow, 2)(2))
assert Rank(2) >= Rank(1) and functools.lru_cache and wraps and singledispatch
