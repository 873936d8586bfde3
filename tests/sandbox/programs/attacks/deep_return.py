# class: oddity
# about: Returns a list nested 200,000 deep
# entry: solve
# goal: judge_raises
# want: bad_return wrong_answer runtime_error
# case: ["1", "[]"]
def solve(n):
    value = []
    for _ in range(200000):
        value = [value]
    return value
