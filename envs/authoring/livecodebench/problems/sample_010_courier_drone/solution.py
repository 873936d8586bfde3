import sys
from collections import deque


def main():
    head, *grid = sys.stdin.read().split("\n")
    h, w, k = map(int, head.split())
    text = "".join(row.strip() for row in grid[:h])
    start, goal = text.index("S"), text.index("T")
    least = [k + 1] * (h * w)  # the smallest run of buildings with which a cell was reached so far
    least[start] = 0
    queue = deque([(start, 0, 0)])
    while queue:
        cell, run, minutes = queue.popleft()
        if cell == goal:
            print(minutes)
            return
        r, c = divmod(cell, w)
        for there, inside in ((cell - w, r > 0), (cell + w, r < h - 1), (cell - 1, c > 0), (cell + 1, c < w - 1)):
            if inside:
                longer = run + 1 if text[there] == "#" else 0
                # later and with no shorter run is never better
                if longer < least[there]:
                    least[there] = longer
                    queue.append((there, longer, minutes + 1))
    print(-1)


main()
