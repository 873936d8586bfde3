def public():
    return [
        [[1, 1, 1], [5, 6, 1, 5]],
        [[1, 2, 3], [1, 4, 2, 3]],
        [[], [7]],
    ]


def garden(rng, n, far, top):
    return [[rng.randint(1, min(i + 1, far)) for i in range(n - 1)], [rng.randint(0, top) for _ in range(n)]]


def hidden(rng):
    yield [[], [0]]
    yield [[1], [2, 3]]
    yield [[1, 1], [2, 3, 2]]
    yield [[1, 2, 3, 4], [10, 1, 2, 3, 4]]
    yield [[1, 1, 1, 1, 1, 1], [9, 1, 1, 9, 1, 1, 9]]
    yield [[1, 2, 2, 3, 2], [1, 1, 9, 9, 9, 9]]
    for n, far, top in ((6, 6, 9), (9, 3, 9), (12, 12, 5), (14, 4, 20), (15, 2, 9), (300, 300, 1000), (3000, 5, 10**9)):
        yield garden(rng, n, far, top)
    yield [[1] * 59999, [(i * 7) % 11 for i in range(60000)]]
    yield [[1 + i % 2 for i in range(69999)], [10**9 - i % 5 for i in range(70000)]]


def brute(back, light):
    n = len(light)
    if n > 15:
        return None
    apart = [[n * (i != j) for j in range(n)] for i in range(n)]
    for i, step in enumerate(back, 1):
        for j in range(i):
            apart[i][j] = apart[j][i] = apart[i - step][j] + 1
    close = [sum(1 << j for j in range(n) if j != i and apart[i][j] < 3) for i in range(n)]
    best = 0
    for chosen in range(1 << n):
        members = [i for i in range(n) if chosen >> i & 1]
        if not any(close[i] & chosen for i in members):
            best = max(best, sum(light[i] for i in members))
    return best
