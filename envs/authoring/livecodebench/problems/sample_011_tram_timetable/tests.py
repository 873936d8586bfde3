def show(n, lines):
    return "\n".join([f"{n} {len(lines)}", *(" ".join(map(str, line)) for line in lines)])


def public():
    return [show(3, [(1, 2, 3, 10, 5), (2, 3, 0, 4, 2), (1, 3, 5, 7, 10)]), show(2, [(2, 1, 0, 1, 1)])]


def net(rng, n, m, top):
    lines = []
    for _ in range(m):
        u, v = rng.sample(range(1, n + 1), 2)
        lines.append((u, v, rng.randint(0, top), rng.randint(1, top), rng.randint(1, top)))
    return lines


def hidden(rng):
    yield "2 0"
    yield show(2, [(1, 2, 0, 1, 1)])
    yield show(3, [(1, 2, 0, 5, 1), (2, 3, 9, 100, 1), (2, 3, 1, 1000, 7)])
    yield show(4, [(1, 2, 0, 1, 4), (1, 3, 0, 1, 2), (3, 2, 0, 1, 1), (2, 4, 3, 10, 1)])
    yield show(3, [(1, 2, 0, 1, 10), (2, 3, 0, 10, 1)])
    for n, m, top in ((4, 8, 6), (5, 12, 10), (8, 16, 9), (10, 40, 20), (30, 70, 50), (60, 300, 10**9)):
        yield show(n, net(rng, n, m, top))
    yield show(500, net(rng, 500, 2500, 10**6))
    # the second line of the chain has run since midnight, every minute
    yield show(4, [(1, 2, 10**9, 10**9, 10**9), (2, 3, 0, 1, 1), (3, 4, 7, 2, 3)])
    yield show(5000, [(i, i + 1, i % 7, 5 + i % 3, 10**9 - i % 11) for i in range(1, 5000)])


def brute(text):
    n, m, *data = map(int, text.split())
    if n * m > 10**5:
        return None
    never = 10**18
    at = [never] * (n + 1)
    at[1] = 0
    for _ in range(n):
        for i in range(0, 5 * m, 5):
            u, v, first, period, ride = data[i : i + 5]
            if at[u] < never:
                rounds = max(0, -((first - at[u]) // period))
                at[v] = min(at[v], first + rounds * period + ride)
    return str(at[n] if at[n] < never else -1)
