from typing import List


class Solution:
    def mostTours(self, tours: List[List[int]], rest: int) -> int:
        led, free_from = 0, 0
        for start, end in sorted(tours, key=lambda tour: tour[1]):
            if start >= free_from:
                led += 1
                free_from = end + rest
        return led
