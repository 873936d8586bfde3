def public():
    return [[[3, -1, 4, 1, -5], 2], [[-2, -2, -2], 1], [[-7, -3], 2]]


def hidden(rng):
    yield [[5], 1]
    yield [[-5], 1]
    yield [[1, 2, 3, 4], 4]
    yield [[1, 2, 3, 4], 1]
    yield [[0, 0, 0, 0, 1], 2]
    yield [[1, 0, 0, 1, 1, 0, 0, 1], 3]
    for n, k, top in ((6, 2, 3), (10, 3, 2), (30, 7, 5), (100, 20, 1000), (1000, 333, 1000)):
        yield [[rng.randint(-top, top) for _ in range(n)], k]
    yield [[rng.randint(-1000, -900) for _ in range(300)], 17]
    yield [[(i * i) % 101 - 80 for i in range(50000)], 20000]


def brute(temps, k):
    if len(temps) > 2000:
        return None
    sums = [sum(temps[i : i + k]) for i in range(len(temps) - k + 1)]
    return [sums.index(max(sums)), max(sums)]
