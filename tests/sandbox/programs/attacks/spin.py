# class: exhaustion
# about: Computes without end
# goal: exhaust_time
# want: time_limit
# case: ["1\n", "never"]
while True:
    pass
