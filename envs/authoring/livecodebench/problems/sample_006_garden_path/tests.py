def show(questions):
    return "\n".join([str(len(questions)), *(" ".join(map(str, q)) for q in questions)])


def slabs(w, h, k):
    return (w + 2 * k) * (h + 2 * k) - w * h


def public():
    return [show([(2, 3, 35), (2, 3, 36), (1, 1, 7)]), show([(1000000000, 1000000000, 1000000000000000000)])]


def hidden(rng):
    yield show([(1, 1, 0), (1, 1, 8), (1, 1, 23), (1, 1, 24), (1, 1, 25)])
    yield show([(1, 1, 10**18)])
    yield show([(1, 2, 10**18 - 1), (10**9, 1, 10**18)])
    yield show([(5, 4, s) for s in range(60)])
    for top in (10, 1000):
        yield show([(rng.randint(1, 9), rng.randint(1, 9), rng.randint(0, top)) for _ in range(30)])
    edges = []
    while len(edges) < 60:
        w, h, k = rng.randint(1, 10**9), rng.randint(1, 10**9), rng.randint(10**6, 4 * 10**8)
        if slabs(w, h, k) <= 10**18:
            edges += [(w, h, slabs(w, h, k) + d) for d in (-1, 0)]
    yield show(edges)
    yield show([(3, 8, slabs(3, 8, k) + d) for k in (499999990, 499999996, 123456789) for d in (-1, 0, 1)])
    yield show([(rng.randint(1, 10**9), rng.randint(1, 10**9), rng.randint(0, 10**18)) for _ in range(300)])


def brute(text):
    answers = []
    for line in text.split("\n")[1:]:
        w, h, s = map(int, line.split())
        if s > 10**5:
            return None
        k = 0
        while slabs(w, h, k + 1) <= s:
            k += 1
        answers.append(str(k))
    return "\n".join(answers)
