from typing import List


class Solution:
    def goldFrame(self, grid: List[List[int]], k: int, t: int) -> int:
        above = [[0] * (len(grid[0]) + 1)]
        for row in grid:
            line, total = [0], 0
            for c, value in enumerate(row):
                total += value
                line.append(above[-1][c + 1] + total)
            above.append(line)

        def square(r, c, side):
            low, high = above[r], above[r + side]
            return high[c + side] - high[c] - low[c + side] + low[c]

        return max(
            square(r, c, k) - square(r + t, c + t, k - 2 * t)
            for r in range(len(grid) - k + 1)
            for c in range(len(grid[0]) - k + 1)
        )
