def public():
    return [[[[[1, 2], [2, 1]], [[2, 3]], []], 0], [[[], [[0, 5]]], 0], [[[[1, 2], [1, 3]], []], 0]]


def bakery(rng, n, most, amount):
    order = list(range(n))
    rng.shuffle(order)
    recipes = [[] for _ in range(n)]
    for position in range(1, n):
        if rng.random() < 0.8:
            pairs = rng.randint(1, most)
            recipes[order[position]] = [[order[rng.randrange(position)], rng.randint(1, amount)] for _ in range(pairs)]
    return recipes, order[-1]


def hidden(rng):
    yield [[[]], 0]
    yield [[[[1, 1000000000]], [[2, 1000000000]], []], 0]
    yield [[[[1, 7], [2, 10**9]], [], []], 0]
    yield [[[], [[0, 2]], [[1, 2], [0, 1]], [[2, 3]]], 2]
    yield [[[[3, 1]], [], [[1, 4]], [[2, 2], [1, 1]]], 0]
    for n, most, amount in ((4, 2, 3), (6, 3, 4), (10, 3, 5), (12, 4, 9), (200, 4, 10**9)):
        yield list(bakery(rng, n, most, amount))
    yield [[[[i + 1, 1], [i + 2, 1]] for i in range(90)] + [[[91, 2]], []], 0]
    # two ways from each product to the next: far too many ways in all
    yield [[[[i + 1, 1], [i + 1, 2]] for i in range(1999)] + [[]], 0]
    yield [[[]] + [[[i, 10**9]] for i in range(1999)], 1999]


def brute(recipes, target):
    if len(recipes) > 12:
        return None

    def bags(product):
        return sum(amount * bags(j) for j, amount in recipes[product]) if recipes[product] else 1

    return bags(target) % (10**9 + 7)
