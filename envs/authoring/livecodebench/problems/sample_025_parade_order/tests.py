def public():
    return [[[[0, 9, 3], [1, 0, 7], [4, 2, 0]]], [[[0]]], [[[0, 5], [8, 0]]]]


def bands(rng, n, top):
    return [[0 if i == j else rng.randint(0, top) for j in range(n)] for i in range(n)]


def hidden(rng):
    yield [[[0, 0], [5, 0]]]
    yield [[[0, 1, 100, 100], [100, 0, 1, 100], [100, 100, 0, 1], [0, 0, 0, 0]]]
    # the cheapest first step leads into a dear order
    yield [[[0, 1, 2, 9], [9, 0, 50, 60], [3, 1, 0, 4], [1, 2, 70, 0]]]
    for n, top in ((3, 9), (4, 9), (5, 20), (6, 9), (7, 1000), (8, 100), (12, 50)):
        yield [bands(rng, n, top)]
    yield [[[0 if i == j else 10**6 for j in range(13)] for i in range(13)]]
    for _ in range(2):
        yield [bands(rng, 13, 10**6)]


def brute(clash):
    from itertools import pairwise, permutations

    if len(clash) > 8:
        return None
    orders = permutations(range(1, len(clash)))
    return min(sum(clash[i][j] for i, j in pairwise((0, *order))) for order in orders)
