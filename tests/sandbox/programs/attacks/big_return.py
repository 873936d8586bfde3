# class: exhaustion
# entry: solve
# goal: exhaust_output
# want: output_limit memory_limit time_limit
# case: ["1", "0"]
def solve(n):
    return "x" * (40 << 20)
