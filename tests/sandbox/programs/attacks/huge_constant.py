# class: exhaustion
# about: Formats a text larger than the memory limit
# goal: exhaust_memory
# want: memory_limit time_limit
# case: ["1\n", "never"]
text = ("%420000000d" % 1) + "x"
print(len(text))
