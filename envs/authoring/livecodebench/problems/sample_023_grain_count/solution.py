from typing import List


class Solution:
    def grainCount(self, recipes: List[List[List[int]]], target: int) -> int:
        bags = [None] * len(recipes)
        stack = [target]
        while stack:
            product = stack[-1]
            missing = [j for j, _ in recipes[product] if bags[j] is None]
            if missing:
                stack.extend(missing)
                continue
            stack.pop()
            if recipes[product]:
                bags[product] = sum(amount * bags[j] for j, amount in recipes[product]) % (10**9 + 7)
            else:
                bags[product] = 1
        return bags[target]
