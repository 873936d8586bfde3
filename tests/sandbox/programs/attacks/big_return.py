# class: exhaustion
# about: Returns a text of 40 MiB
# entry: solve
# goal: exhaust_output
# want: output_limit memory_limit time_limit
# case: ["1", "0"]
def solve(n):
    return "x" * (40 << 20)
