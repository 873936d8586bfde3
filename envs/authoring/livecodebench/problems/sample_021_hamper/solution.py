from typing import List


class Solution:
    def fillHamper(self, shelves: List[List[int]], budget: int) -> int:
        within = (1 << (budget + 1)) - 1
        reachable = 1  # bit s: the sum s can be reached
        for prices in shelves:
            following = 0
            for price in set(prices):
                following |= reachable << price
            reachable = following & within
        return reachable.bit_length() - 1
