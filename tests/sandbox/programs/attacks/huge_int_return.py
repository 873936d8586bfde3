# class: oddity
# about: Returns an integer of 100,001 digits
# entry: solve
# goal: judge_raises
# want: bad_return wrong_answer runtime_error
# case: ["1", "1"]
def solve(n):
    return 10**100000
