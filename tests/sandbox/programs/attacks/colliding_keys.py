# class: exhaustion
# about: Fills a set with numbers that all have one hash
# goal: exhaust_time
# want: time_limit
# case: ["1\n", "never"]
seen = set()
for i in range(10**6):
    seen.add(i * (2**61 - 1))
print(len(seen))
