from typing import List


class Solution:
    def shareBill(self, cents: int, weights: List[int]) -> List[int]:
        total = sum(weights)
        shares = [cents * w // total for w in weights]
        by_cut = sorted(range(len(weights)), key=lambda i: -(cents * weights[i] % total))
        for i in by_cut[: cents - sum(shares)]:
            shares[i] += 1
        return shares
