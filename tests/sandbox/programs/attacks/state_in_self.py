# class: persistence
# about: Remembers the first test in its class
# entry: Solution.solve
# goal: false_pass
# want: wrong_answer runtime_error
# case: ["\"first\"", "\"first\""]
# case: ["\"second\"", "\"first\""]
class Solution:
    seen = []

    def solve(self, word):
        self.seen.append(word)
        return self.seen[0]
