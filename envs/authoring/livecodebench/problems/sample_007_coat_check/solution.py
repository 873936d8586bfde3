import heapq
import sys

lines = sys.stdin.read().split("\n")
n, k = map(int, lines[0].split())
returned = []  # free hooks that were used before; all hooks >= fresh were never used
fresh = 1
answers = []
for line in lines[1 : n + 1]:
    if line[0] == "o":
        heapq.heappush(returned, int(line[4:]))
    elif returned:
        answers.append(heapq.heappop(returned))
    elif fresh <= k:
        answers.append(fresh)
        fresh += 1
    else:
        answers.append(0)
print("\n".join(map(str, answers)))
