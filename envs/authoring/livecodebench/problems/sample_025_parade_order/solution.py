from typing import List


class Solution:
    def paradeOrder(self, clash: List[List[int]]) -> int:
        n = len(clash)
        never = float("inf")
        # least[gone][last]: the floats in the set `gone` have passed, `last` as the last of them
        least = [[never] * n for _ in range(1 << n)]
        least[1][0] = 0
        for gone in range(1, 1 << n, 2):
            for last, cost in enumerate(least[gone]):
                if cost < never:
                    for j, more in enumerate(clash[last]):
                        if not gone >> j & 1 and cost + more < least[gone | 1 << j][j]:
                            least[gone | 1 << j][j] = cost + more
        return min(least[-1])
