from typing import List


class Solution:
    def countMotifs(self, motifs: List[int], ranges: List[List[int]]) -> List[int]:
        n = len(motifs)
        ending = [[] for _ in range(n)]
        for number, (_, last) in enumerate(ranges):
            ending[last].append(number)
        tree = [0] * (n + 1)  # Fenwick tree over the latest place of each motif so far

        def add(i, change):
            i += 1
            while i <= n:
                tree[i] += change
                i += i & -i

        latest = {}
        answers = [0] * len(ranges)
        for i, motif in enumerate(motifs):
            if motif in latest:
                add(latest[motif], -1)
            latest[motif] = i
            add(i, 1)
            for number in ending[i]:
                count = len(latest)
                place = ranges[number][0]
                while place:
                    count -= tree[place]
                    place -= place & -place
                answers[number] = count
        return answers
