def show(n, bridges, closures):
    lines = [f"{n} {len(bridges)} {len(closures)}", *(f"{a} {b}" for a, b in bridges), *map(str, closures)]
    return "\n".join(lines)


def public():
    return [
        show(5, [(1, 2), (2, 3), (3, 4), (4, 5), (5, 1)], [1, 3, 2]),
        show(3, [(1, 2), (2, 1)], [2, 1]),
    ]


def islands(rng, n, m, q):
    return show(n, [tuple(rng.sample(range(1, n + 1), 2)) for _ in range(m)], rng.sample(range(1, m + 1), q))


def hidden(rng):
    yield show(2, [(1, 2)], [1])
    yield show(6, [(1, 2), (3, 4), (4, 5)], [3, 1, 2])
    yield show(4, [(1, 2), (1, 2), (3, 4), (1, 2)], [1, 2, 4])
    yield show(5, [(1, 2), (1, 3), (1, 4), (1, 5)], [4, 3, 2, 1])
    for n, m, q in ((4, 5, 4), (6, 8, 8), (10, 12, 10), (20, 30, 25), (50, 70, 70), (200, 300, 250)):
        yield islands(rng, n, m, q)
    yield islands(rng, 1000, 1500, 1500)
    long_way = [(i, i + 1) for i in range(1, 4001)]
    yield show(4001, long_way, list(range(4000, 2000, -1)))
    ring = [(1 + i % 1000, 1 + (i * 7 + 3) % 1000) for i in range(40000)]
    yield show(100000, [(a, b) if a != b else (a, b + 1) for a, b in ring], list(range(1, 12001)))


def brute(text):
    n, m, q, *data = map(int, text.split())
    if m * q > 10**5:
        return None
    bridges = list(zip(data[: 2 * m : 2], data[1 : 2 * m : 2]))
    answers = []
    for last in range(1, q + 1):
        gone = set(data[2 * m : 2 * m + last])
        group = list(range(n + 1))
        for number, (a, b) in enumerate(bridges, 1):
            if number not in gone:
                old, new = group[a], group[b]
                group = [new if g == old else g for g in group]
        answers.append(str(max(group.count(g) for g in range(1, n + 1))))
    return "\n".join(answers)
