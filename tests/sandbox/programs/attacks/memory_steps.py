# class: exhaustion
# about: Takes memory slice by slice
# goal: exhaust_memory
# want: memory_limit time_limit
# case: ["1\n", "never"]
blocks = []
while True:
    blocks.append(bytearray(b"x") * (8 << 20))
