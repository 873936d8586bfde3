def public():
    return [
        [[[1, 2, 1], [2, 9, 2], [1, 2, 1]], 3, 1],
        [[[0, 0, 0, 5], [0, -1, 0, 0], [0, 0, 0, 0]], 3, 1],
    ]


def mosaic(rng, h, w, low, high):
    return [[rng.randint(low, high) for _ in range(w)] for _ in range(h)]


def hidden(rng):
    yield [[[-1] * 3 for _ in range(3)], 3, 1]
    yield [[[-5] * 4 for _ in range(6)], 4, 1]
    yield [mosaic(rng, 5, 5, 0, 9), 5, 2]
    yield [mosaic(rng, 5, 5, 0, 9), 5, 1]
    yield [mosaic(rng, 3, 9, -5, 5), 3, 1]
    yield [mosaic(rng, 9, 4, -5, 5), 4, 1]
    yield [mosaic(rng, 8, 8, -9, 9), 5, 2]
    yield [mosaic(rng, 8, 8, -9, -1), 6, 2]
    yield [mosaic(rng, 20, 25, -100, 100), 7, 3]
    yield [mosaic(rng, 40, 40, -1000, 1000), 12, 4]
    yield [[[(r * 7 + c * c) % 10 - 5 for c in range(300)] for r in range(300)], 150, 40]


def brute(grid, k, t):
    if len(grid) * len(grid[0]) * k * k > 10**6:
        return None
    sums = []
    for top in range(len(grid) - k + 1):
        for left in range(len(grid[0]) - k + 1):
            frame = [
                grid[top + r][left + c]
                for r in range(k)
                for c in range(k)
                if min(r, c, k - 1 - r, k - 1 - c) < t
            ]
            sums.append(sum(frame))
    return max(sums)
