def show(k, events):
    return "\n".join([f"{len(events)} {k}", *("in" if e == 0 else f"out {e}" for e in events)])


def public():
    return [show(2, [0, 0, 0, 1, 0]), show(1000000000, [0, 0, 0, 2, 1, 0, 0, 0])]


def evening(rng, n, k, share):
    free, used, events = list(range(1, min(n, k) + 1)), set(), []
    for _ in range(n):
        if used and rng.random() >= share:
            hook = rng.choice(sorted(used))
            used.remove(hook)
            free.append(hook)
            events.append(hook)
        else:
            if free:
                hook = min(free)
                free.remove(hook)
                used.add(hook)
            events.append(0)
    return show(k, events)


def hidden(rng):
    yield show(1, [0])
    yield show(1, [0, 0, 1, 0, 1, 0])
    yield show(3, [0, 0, 0, 0, 3, 1, 0, 0, 0])
    yield show(10**9, [0] * 50)
    for n, k, share in ((8, 2, 0.6), (15, 4, 0.6), (30, 30, 0.5), (60, 10, 0.7), (200, 50, 0.6), (500, 10**9, 0.55)):
        yield evening(rng, n, k, share)
    yield evening(rng, 1500, 40, 0.55)
    yield show(10**9, [0] * 20000 + [20000, 0] * 40000)
    yield show(5000, [0] * 20000 + [4999, 5000, 0, 0] * 5000)


def brute(text):
    head, *events = text.split("\n")
    n, k = map(int, head.split())
    if n > 2000:
        return None
    used, answers = set(), []
    for event in events:
        if event == "in":
            hook = next((h for h in range(1, k + 1) if h not in used), 0)
            used.add(hook)
            answers.append(str(hook))
        else:
            used.remove(int(event.split()[1]))
    return "\n".join(answers)
