import heapq
import sys


def main():
    data = list(map(int, sys.stdin.read().split()))
    n, m = data[:2]
    lines = [[] for _ in range(n + 1)]
    for i in range(2, 2 + 5 * m, 5):
        u, v, first, period, ride = data[i : i + 5]
        lines[u].append((v, first, period, ride))
    earliest = {}
    heap = [(0, 1)]
    while heap:
        now, stop = heapq.heappop(heap)
        if stop in earliest:
            continue
        earliest[stop] = now
        for v, first, period, ride in lines[stop]:
            if v not in earliest:
                leave = first if now <= first else now + (first - now) % period
                heapq.heappush(heap, (leave + ride, v))
    print(earliest.get(n, -1))


main()
