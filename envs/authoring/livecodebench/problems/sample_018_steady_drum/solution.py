class Solution:
    def isSteady(self, pattern: str) -> bool:
        hits = [i for i, sound in enumerate(pattern) if sound == "x"]
        if not hits:
            return False
        following = hits[1:] + [hits[0] + len(pattern)]
        return len({b - a for a, b in zip(hits, following)}) == 1
