import sys


def main():
    data = list(map(int, sys.stdin.read().split()))
    n, m, q = data[:3]
    ends = list(zip(data[3 : 3 + 2 * m : 2], data[4 : 3 + 2 * m : 2]))
    closed = [c - 1 for c in data[3 + 2 * m : 3 + 2 * m + q]]
    leader = list(range(n + 1))
    size = [1] * (n + 1)
    largest = 1

    def find(x):
        while leader[x] != x:
            leader[x] = leader[leader[x]]
            x = leader[x]
        return x

    def join(bridge):
        nonlocal largest
        a, b = map(find, ends[bridge])
        if a != b:
            if size[a] < size[b]:
                a, b = b, a
            leader[b] = a
            size[a] += size[b]
            largest = max(largest, size[a])

    gone = set(closed)
    for bridge in range(m):
        if bridge not in gone:
            join(bridge)
    answers = []
    for bridge in reversed(closed):
        answers.append(largest)
        join(bridge)
    print("\n".join(map(str, reversed(answers))))


main()
