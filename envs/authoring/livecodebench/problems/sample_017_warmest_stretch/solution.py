from typing import List


class Solution:
    def warmestStretch(self, temps: List[int], k: int) -> List[int]:
        total = best = sum(temps[:k])
        start = 0
        for i in range(k, len(temps)):
            total += temps[i] - temps[i - k]
            if total > best:
                best, start = total, i - k + 1
        return [start, best]
