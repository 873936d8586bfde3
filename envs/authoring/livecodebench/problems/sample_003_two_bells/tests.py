def public():
    return ["2 3 12", "5 5 100", "1 4 9"]


def hidden(rng):
    yield "1 1 1"
    yield "1 2 1"
    yield "7 3 2"
    yield "6 4 12"
    yield "6 4 11"
    yield "1000000000 999999999 1000000000000000000"
    yield "1 1000000000 1000000000000000000"
    yield "999999937 999999929 999999999999999999"
    yield "3 7 999999999999999999"
    for top in (10, 60, 1000):
        for _ in range(2):
            yield f"{rng.randint(1, 12)} {rng.randint(1, 12)} {rng.randint(1, top)}"


def brute(text):
    a, b, t = map(int, text.split())
    if t > 10**6:
        return None
    return str(sum((m % a == 0) != (m % b == 0) for m in range(1, t + 1)))
