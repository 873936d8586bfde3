# class: exhaustion
# about: Computes an integer that takes for ever, in one step of the interpreter
# goal: exhaust_time
# want: time_limit
# case: ["1\n", "never"]
x = 7 ** (10**9)
print(x % 10)
