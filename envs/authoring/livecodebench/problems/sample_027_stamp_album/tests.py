def public():
    return [[[4, 7, 4, 4, 9], [[0, 4], [2, 3], [1, 2]]], [[5], [[0, 0]]]]


def album(rng, n, kinds, asked):
    ranges = [sorted((rng.randrange(n), rng.randrange(n))) for _ in range(asked)]
    return [[rng.randrange(kinds) for _ in range(n)], ranges]


def hidden(rng):
    yield [[1, 1, 1], [[0, 2], [1, 1], [0, 0]]]
    yield [[1, 2, 3], [[0, 2], [1, 1], [1, 2], [0, 2]]]
    yield [[3, 1, 3, 1, 3], [[a, b] for a in range(5) for b in range(a, 5)]]
    yield [[10**9, 0, 10**9], [[0, 1], [1, 2], [0, 2], [2, 2]]]
    for n, kinds, asked in ((8, 3, 10), (15, 15, 20), (40, 5, 40), (100, 30, 100), (500, 60, 300), (800, 800, 300)):
        yield album(rng, n, kinds, asked)
    # many motifs in every range, in a text that packs well
    yield [[i % 5000 for i in range(50000)], [[i % 100, 49999 - i % 70] for i in range(50000)]]
    yield [[(i * i) % 997 for i in range(40000)], [[7000 + i % 40, 7600 + i % 45] for i in range(20000)]]


def brute(motifs, ranges):
    if len(motifs) * len(ranges) > 10**6:
        return None
    return [len(set(motifs[first : last + 1])) for first, last in ranges]
