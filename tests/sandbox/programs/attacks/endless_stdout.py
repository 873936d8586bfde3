# class: exhaustion
# about: Prints without end
# goal: exhaust_memory
# want: output_limit
# case: ["1\n", "never"]
line = "all work and no play " * 1000
while True:
    print(line)
