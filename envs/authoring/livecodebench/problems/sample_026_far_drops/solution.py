from bisect import bisect_right
from typing import List


class Solution:
    def farDrops(self, prices: List[int], gap: int, margin: int) -> int:
        levels = sorted(set(prices))
        rank = {price: r for r, price in enumerate(levels, 1)}
        tree = [0] * (len(levels) + 1)
        drops = 0
        for j in range(gap, len(prices)):
            r = rank[prices[j - gap]]
            while r < len(tree):
                tree[r] += 1
                r += r & -r
            # of the j - gap + 1 days that are early enough, those at most this dear are no drops
            drops += j - gap + 1
            r = bisect_right(levels, prices[j] + margin)
            while r:
                drops -= tree[r]
                r -= r & -r
        return drops
