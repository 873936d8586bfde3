def public():
    return [["x..x.."], ["x..x."], ["..."]]


def hidden(rng):
    yield ["x"]
    yield ["."]
    yield ["xx"]
    yield ["xx."]
    yield ["x.x"]
    yield [".x"]
    yield ["..x..x"]
    yield [".x...x.."]
    yield ["....x..."]
    yield ["x...x..x"]
    yield ["x..x..x." + "." * 3]
    for n in (4, 6, 8, 12):
        yield ["".join(rng.choice("x.") for _ in range(n))]
    yield ["..x." * 2500]
    yield ["..x." * 2499 + ".x.."]


def brute(pattern):
    n = len(pattern)
    if n > 500:
        return None
    for gap in range(1, n + 1):
        for first in range(gap):
            if n % gap == 0 and all((pattern[i] == "x") == (i % gap == first) for i in range(n)):
                return True
    return False
