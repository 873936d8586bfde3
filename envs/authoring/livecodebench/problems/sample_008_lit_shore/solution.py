import sys

data = list(map(int, sys.stdin.read().split()))
events = []
for a, b in zip(data[1::2], data[2::2]):
    events.append((a, 1))
    events.append((b + 1, -1))
events.sort()
alone = depth = 0
last = 0
for place, change in events:
    if depth == 1:
        alone += place - last
    depth += change
    last = place
print(alone)
