def public():
    return [
        [["Art", "Birds", "Art", "Art"]],
        [["Old Maps", "Old  Maps", "Old Maps"]],
        [["A", "A (2)", "A", "A (2)"]],
    ]


def hidden(rng):
    yield [["x"]]
    yield [["x", "x"]]
    yield [[" ", " ", "  "]]
    yield [['say "hi"', "back\\slash", 'say "hi"', "back\\slash"]]
    yield [["1, 2", "[3]", "1, 2", "[3]", "null", "null"]]
    yield [["a"] * 12]
    yield [["caf\u00e9", "cafe", "caf\u00e9", "\u6797", "\u6797"]]
    for n, letters in ((6, "ab"), (20, "ab "), (100, "abc"), (1000, "ab ")):
        yield [["".join(rng.choice(letters) for _ in range(rng.randint(1, 3))) for _ in range(n)]]
    yield [["Shelf %d" % (i % 7) for i in range(8000)]]


def brute(labels):
    if len(labels) > 2000:
        return None
    numbers = [labels[: i + 1].count(label) for i, label in enumerate(labels)]
    return [label + f" ({n})" * (n > 1) for label, n in zip(labels, numbers)]
