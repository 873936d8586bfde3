def public():
    return [
        [[[1, 4], [3, 5], [6, 7], [9, 12], [5, 9]], 2],
        [[[0, 10], [10, 20], [20, 30]], 0],
        [[[0, 10], [10, 20], [20, 30]], 1],
    ]


def tours(rng, n, top, longest):
    result = []
    for _ in range(n):
        start = rng.randint(0, top)
        result.append([start, start + rng.randint(1, longest)])
    return result


def hidden(rng):
    yield [[[0, 1]], 0]
    yield [[[0, 1], [0, 1], [0, 1]], 0]
    yield [[[0, 100], [1, 2], [4, 5], [7, 8]], 2]
    yield [[[0, 100], [1, 2], [4, 5], [7, 8]], 3]
    yield [[[0, 5], [4, 7], [6, 20], [20, 21]], 0]
    yield [[[0, 10**9], [0, 1], [10**9 - 1, 10**9]], 10**9]
    for n, top, longest, rest in ((5, 12, 4, 1), (9, 20, 5, 0), (14, 40, 9, 2), (40, 100, 10, 3), (200, 1000, 60, 5)):
        yield [tours(rng, n, top, longest), rest]
    yield [tours(rng, 1000, 10**9 - 10**6, 10**6), 10**5]
    yield [[[(i * 37) % 1000 * 50, (i * 37) % 1000 * 50 + 20 + i % 8] for i in range(40000)], 25]


def brute(tours, rest):
    if len(tours) > 1000:
        return None
    order = sorted(tours)
    most = []
    for i, (start, _) in enumerate(order):
        most.append(1 + max((most[j] for j in range(i) if order[j][1] + rest <= start), default=0))
    return max(most)
