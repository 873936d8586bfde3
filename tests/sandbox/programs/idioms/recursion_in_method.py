# class: idiom
# about: Cached recursion in a method
# entry: Solution.depth
# case: ["20000", "20000"]
class Solution:
    def depth(self, n: int) -> int:
        @cache
        def dfs(i):
            return 0 if i == 0 else 1 + dfs(i - 1)

        return dfs(n)
