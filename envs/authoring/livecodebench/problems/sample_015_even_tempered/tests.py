def public():
    return ["1 100", "121 121", "1 1000000000000000000"]


def hidden(rng):
    yield "1 1"
    yield "1 10"
    yield "11 11"
    yield "10 11"
    yield "1000000000000000000 1000000000000000000"
    yield "99 110"
    yield "1 5000"
    for top in (200, 3000, 20000):
        low = rng.randint(1, top)
        yield f"{low} {rng.randint(low, top)}"
    yield "1234 23456"
    yield "999999999999999999 1000000000000000000"
    low = rng.randint(1, 10**17)
    yield f"{low} {low + 10**17}"
    yield f"{low} {low + 1000}"
    yield "11 999999999999999989"


def brute(text):
    low, high = map(int, text.split())
    if high - low > 10**5:
        return None
    total = 0
    for number in range(low, high + 1):
        reverse = str(number)[::-1]
        total += sum(map(int, reverse[::2])) == sum(map(int, reverse[1::2]))
    return str(total)
