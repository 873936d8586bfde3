# class: exhaustion
# goal: exhaust_time
# want: time_limit
# case: ["1\n", "never"]
x = 7 ** (10**9)
print(x % 10)
