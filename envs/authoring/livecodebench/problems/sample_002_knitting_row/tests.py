def public():
    return ["13k12p\n40", "1a10b\n8", "2x\n4"]


def pattern(rng, pieces, top):
    return "".join(f"{rng.randint(1, top)}{rng.choice('abkpz')}" for _ in range(pieces))


def hidden(rng):
    yield "1a\n1"
    yield "1a\n5000"
    yield "1000z\n999"
    yield "1000z\n1001"
    yield "100k1p\n303"
    yield "12k12k\n30"
    for pieces, top, width in ((2, 3, 7), (3, 12, 40), (5, 30, 100), (30, 9, 333), (40, 1000, 5000), (1, 7, 50)):
        yield f"{pattern(rng, pieces, top)}\n{width}"


def brute(text):
    pattern, width = text.split("\n")
    row = []
    while len(row) < int(width):
        number = ""
        for char in pattern:
            if char.isdigit():
                number += char
            else:
                row.extend([char] * int(number))
                number = ""
    return "".join(row[: int(width)])
