# class: idiom
# about: class Solution beside helpers
# entry: Solution.climb
# case: ["50", "20365011074"]
from functools import lru_cache


def first_function(n):
    return -1


class Helper:
    def climb(self, n):
        return -2


class Solution:
    def other(self, n):
        return -3

    @lru_cache(None)
    def climb(self, n: int) -> int:
        if n < 2:
            return 1
        return self.climb(n - 1) + self.climb(n - 2)
