# class: exhaustion
# goal: exhaust_memory
# want: memory_limit time_limit
# case: ["1\n", "never"]
numbers = [7] * (53 * 10**6)
print(len(numbers))
