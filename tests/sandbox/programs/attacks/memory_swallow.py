# class: exhaustion
# about: Takes memory and swallows every MemoryError
# goal: exhaust_memory
# want: memory_limit time_limit
# case: ["1\n", "never"]
blocks = []
while True:
    try:
        blocks.append(b"y" * (16 << 20))
    except MemoryError:
        pass
