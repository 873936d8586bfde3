# class: oddity
# about: Returns a list that holds itself
# entry: solve
# goal: judge_raises
# want: bad_return wrong_answer
# case: ["1", "[]"]
def solve(n):
    value = []
    value.append(value)
    return value
