def public():
    return [[100, [1, 1, 1]], [10, [3, 3, 1]], [7, [5, 1, 4, 4]]]


def hidden(rng):
    yield [0, [1, 2, 3]]
    yield [5, [9]]
    yield [1, [1, 1, 1, 1]]
    yield [3, [1, 1, 1, 1, 1, 1]]
    yield [6, [1, 2, 3]]
    yield [99, [10, 20, 30, 41]]
    for n, cents, top in ((3, 20, 9), (5, 50, 9), (10, 100, 5), (30, 1000, 99)):
        yield [rng.randint(0, cents), [rng.randint(1, top) for _ in range(n)]]
    yield [10**18, [10**9] * 999]
    yield [10**18 - 7, [rng.randint(1, 10**9) for _ in range(200)]]
    yield [999999999999999989, [999999999, 999999998, 999999997]]


def brute(cents, weights):
    from fractions import Fraction

    due = [Fraction(cents * w, sum(weights)) for w in weights]
    paid = [int(d) for d in due]
    cut = [d - p for d, p in zip(due, paid)]
    while sum(paid) < cents:
        i = cut.index(max(cut))
        paid[i] += 1
        cut[i] = Fraction(-1)
    return paid
