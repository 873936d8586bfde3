def show(entries):
    return "\n".join([str(len(entries)), *(f"{'board' if x >= 0 else 'leave'} {abs(x)}" for x in entries)])


def public():
    return [show([3, 5, -2, 2]), "2\nboard 0\nleave 0"]


def walk(rng, n, top):
    entries, aboard = [], 0
    for _ in range(n):
        x = rng.randint(0, top) if rng.random() < 0.5 else -rng.randint(0, min(aboard, top))
        entries.append(x)
        aboard += x
    return entries


def hidden(rng):
    yield "1\nboard 0"
    yield "1\nboard 1000000000"
    yield show([5, -5, 5, -5, 5])
    yield show([1, 1, 1, 1])
    yield show([7, -7, 3, 4, -1, 1])
    for n in (3, 6, 10, 30, 100):
        yield show(walk(rng, n, 4))
    yield show(walk(rng, 300, 10**9))
    yield show([10**9, -(10**9)] * 20000)
    yield show([2] * 30000)


def brute(text):
    totals, total = [0], 0
    for line in text.splitlines()[1:]:
        word, count = line.split()
        total += int(count) if word[0] == "b" else -int(count)
        totals.append(total)
    return f"{max(totals)} {totals.index(max(totals))}"
