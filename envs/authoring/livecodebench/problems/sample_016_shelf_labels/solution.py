from typing import List


class Solution:
    def printLabels(self, labels: List[str]) -> List[str]:
        seen = {}
        printed = []
        for label in labels:
            seen[label] = seen.get(label, 0) + 1
            printed.append(label if seen[label] == 1 else f"{label} ({seen[label]})")
        return printed
