# class: idiom
# about: Counts its calls: every test starts afresh
# entry: Solution.count
# case: ["1", "1"]
# case: ["1", "1"]
# case: ["1", "1"]
class Solution:
    seen = []

    def __init__(self):
        self.calls = 0

    def count(self, n):
        self.calls += n
        self.seen.append(n)
        return self.calls * len(self.seen)
