# class: oddity
# about: Returns half a character
# entry: solve
# goal: judge_raises
# want: bad_return wrong_answer
# case: ["1", "\"x\""]
def solve(n):
    return "\ud800"
