from typing import List


class Solution:
    def quietLanterns(self, back: List[int], light: List[int]) -> int:
        n = len(light)
        # best light below and including v, if ...
        lit = light[:]  # v is lit
        dark = [0] * n  # neither v nor a child of v is lit
        below = [0] * n  # one child of v is lit: dark + the best gain from it
        gain = [None] * n
        for v in range(n - 1, -1, -1):
            below[v] = dark[v] if gain[v] is None else dark[v] + gain[v]
            if v:
                parent = v - back[v - 1]
                free = max(dark[v], below[v])
                lit[parent] += dark[v]
                dark[parent] += free
                if gain[parent] is None or lit[v] - free > gain[parent]:
                    gain[parent] = lit[v] - free
        return max(lit[0], dark[0], below[0])
