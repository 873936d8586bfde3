def show(beams):
    return "\n".join([str(len(beams)), *(f"{a} {b}" for a, b in beams)])


def public():
    return [show([(1, 4), (3, 5), (9, 9)]), show([(1, 10**18)])]


def beams(rng, n, top, width):
    result = []
    for _ in range(n):
        a = rng.randint(1, top)
        result.append((a, min(top, a + rng.randint(0, width))))
    return result


def hidden(rng):
    yield show([(7, 7)])
    yield show([(7, 7), (7, 7)])
    yield show([(1, 5), (6, 9)])
    yield show([(1, 5), (5, 9)])
    yield show([(1, 10), (3, 4), (4, 6)])
    for n, top, width in ((4, 12, 4), (8, 30, 8), (20, 100, 9), (100, 3000, 40), (300, 10000, 30)):
        yield show(beams(rng, n, top, width))
    yield show(beams(rng, 500, 10**18, 10**16))
    yield show(beams(rng, 1000, 10**18, 10**14))
    yield show([(1 + i % 50, 10**18 - i % 70) for i in range(60000)])


def brute(text):
    lit = {}
    for line in text.split("\n")[1:]:
        a, b = map(int, line.split())
        if b - a > 10**4:
            return None
        for marker in range(a, b + 1):
            lit[marker] = lit.get(marker, 0) + 1
    return str(sum(times == 1 for times in lit.values()))
