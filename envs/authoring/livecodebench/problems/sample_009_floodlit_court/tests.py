from math import atan2, gcd


def show(corners, points):
    return "\n".join([f"{len(corners)} {len(points)}", *(f"{x} {y}" for x, y in [*corners, *points])])


def court(rng, n, scale=1):
    """A strictly convex polygon: edge vectors in distinct primitive directions, by angle."""
    reach, steps = 1, []
    while len(steps) < n:
        reach += 1
        steps = [(x, y) for x in range(-reach, reach + 1) for y in range(-reach, reach + 1) if gcd(x, y) == 1]
    half = [s for s in steps if s > (0, 0)]
    chosen = rng.sample(half, n // 2)
    chosen += [(-x, -y) for x, y in chosen]
    chosen.sort(key=lambda s: atan2(s[1], s[0]))
    x, y, corners = 0, 0, []
    for dx, dy in chosen:
        corners.append((x, y))
        x, y = x + dx * scale, y + dy * scale
    middle_x = sum(c[0] for c in corners) // len(corners)
    middle_y = sum(c[1] for c in corners) // len(corners)
    return [(x - middle_x, y - middle_y) for x, y in corners]


def around(rng, corners, n):
    points = []
    low_x, high_x = min(c[0] for c in corners), max(c[0] for c in corners)
    low_y, high_y = min(c[1] for c in corners), max(c[1] for c in corners)
    while len(points) < n:
        i = rng.randrange(len(corners))
        (ax, ay), (bx, by) = corners[i - 1], corners[i]
        kind = rng.randrange(4)
        if kind == 0:
            points.append((rng.randint(low_x - 2, high_x + 2), rng.randint(low_y - 2, high_y + 2)))
        elif kind == 1:
            points.append((ax + rng.randint(-1, 1), ay + rng.randint(-1, 1)))
        elif kind == 2:
            steps = gcd(bx - ax, by - ay)
            part = rng.randint(-1, steps + 1)
            points.append((ax + (bx - ax) // steps * part, ay + (by - ay) // steps * part))
        else:
            points.append(((ax + bx) // 2 + rng.randint(-1, 1), (ay + by) // 2 + rng.randint(-1, 1)))
    return points


def public():
    square = [(0, 0), (4, 0), (4, 4), (0, 4)]
    return [
        show(square, [(2, 2), (4, 1), (5, 2), (0, 0)]),
        show([(-1, 0), (3, -2), (2, 3)], [(1, 0), (0, 0), (-1, 1), (1, -1), (1, 2)]),
    ]


def hidden(rng):
    every = [(x, y) for x in range(-2, 7) for y in range(-2, 7)]
    yield show([(0, 0), (4, 0), (0, 4)], every)
    yield show([(4, 4), (0, 4), (0, 0), (4, 0)], every)
    yield show([(2, 0), (4, 2), (2, 4), (0, 2)], every)
    big = 10**9
    yield show([(-big, -big), (big, -big), (big, big), (-big, big)], [(0, 0), (big, 0), (-big, big), (big - 1, 1 - big)])
    # a long edge with lattice points one area unit off its line, beyond the precision of a float
    thin = [(-big, -big), (big, big - 1), (big, big)]
    yield show(thin, [(-1, -1), (0, 0), (1, 0), (0, -1), (big - 1, big - 2), (big - 1, big - 1), (1 - big, 1 - big)])
    steep = [(-big, -big + 1), (-big, -big), (big - 1, big), (big - 3, big - 1)]
    yield show(steep, [(0, 0), (-1, 0), (0, 1), (big - 2, big - 1), (big - 3, big - 1), (-big, 1 - big), (big - 1, big)])
    for n, points, scale in ((6, 30, 1), (8, 40, 3), (12, 60, 2), (40, 100, 1), (100, 300, 1), (60, 300, 10**6)):
        corners = court(rng, n, scale)
        yield show(corners, around(rng, corners, points))
    corners = court(rng, 3000, 1)
    yield show(corners, around(rng, corners, 150) * 333)


def brute(text):
    n, q, *data = map(int, text.split())
    if n * q > 10**6:
        return None
    points = list(zip(data[::2], data[1::2]))
    corners, asked = points[:n], points[n:]
    answers = []
    for u, v in asked:
        sides = [
            (bx - ax) * (v - ay) - (by - ay) * (u - ax)
            for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1])
        ]
        answers.append("OUT" if min(sides) < 0 else "ON" if min(sides) == 0 else "IN")
    return "\n".join(answers)
