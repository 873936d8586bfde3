def public():
    return [[[9, 7, 4, 3], 2, 3], [[5, 4, 3, 2, 1], 1, 0], [[1, 2, 3], 1, 0]]


def hidden(rng):
    yield [[4], 1, 0]
    yield [[4, 3], 1, 0]
    yield [[4, 3], 1, 1]
    yield [[4, 3], 2, 0]
    yield [[7, 7, 7, 7], 1, 0]
    yield [[9, 1, 9, 1, 9, 1], 3, 2]
    for n, gap, margin, top in ((6, 2, 1, 9), (12, 3, 0, 9), (30, 4, 2, 12), (100, 10, 5, 50), (400, 7, 100, 1000)):
        yield [[rng.randint(0, top) for _ in range(n)], gap, margin]
    yield [[rng.randint(0, 10**9) for _ in range(1500)], 40, 10**8]
    yield [[10**9, 0] * 200, 50000, 0]
    yield [[(i * 617) % 1009 for i in range(50000)], 3, 10]


def brute(prices, gap, margin):
    n = len(prices)
    if n > 2000:
        return None
    return sum(prices[i] > prices[j] + margin for j in range(n) for i in range(j - gap + 1))
