# class: exhaustion
# about: Takes more memory than the limit in one piece
# goal: exhaust_memory
# want: memory_limit time_limit
# case: ["1\n", "never"]
numbers = [7] * (53 * 10**6)
print(len(numbers))
