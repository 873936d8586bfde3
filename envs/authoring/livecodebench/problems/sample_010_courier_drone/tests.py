def show(rows, k):
    return "\n".join([f"{len(rows)} {len(rows[0])} {k}", *rows])


def public():
    return [
        show(["S##.##T", "......."], 1),
        show(["S##.##T", "......."], 2),
        show(["S###T"], 2),
    ]


def town(rng, h, w, share):
    cells = ["#" if rng.random() < share else "." for _ in range(h * w)]
    s, t = rng.sample(range(h * w), 2)
    cells[s], cells[t] = "S", "T"
    return ["".join(cells[i * w : i * w + w]) for i in range(h)]


def hidden(rng):
    yield show(["ST"], 0)
    yield show(["S#T"], 0)
    yield show(["S#T"], 1)
    # a cell must be entered again, with a shorter run of buildings than by the quickest way
    yield show(["T##.", "####", "##S#"], 2)
    yield show(["#S.", ".##", ".##", "##T"], 2)
    yield show(["S.#", "###", "#.T"], 1)
    for h, w, share, k in ((4, 5, 0.5, 1), (5, 5, 0.6, 2), (8, 8, 0.7, 2), (9, 12, 0.8, 3), (20, 20, 0.6, 1), (30, 40, 0.8, 3)):
        yield show(town(rng, h, w, share), k)
    open_town = ["." * 100 for _ in range(100)]
    yield show(["S" + open_town[0][1:], *open_town[1:99], open_town[99][1:] + "T"], 3)
    yield show(town(rng, 60, 60, 0.85), 4)
    blocks = ["".join("#" if (r % 7 and c % 5) else "." for c in range(100)) for r in range(100)]
    yield show(["S" + blocks[0][1:], *blocks[1:99], blocks[99][:99] + "T"], 6)


def brute(text):
    head, *grid = text.split("\n")
    h, w, k = map(int, head.split())
    if h * w > 2000:
        return None
    cells = {(r, c): grid[r][c] for r in range(h) for c in range(w)}
    states = {(next(p for p, x in cells.items() if x == "S"), 0)}
    seen, minutes = set(states), 0
    while states:
        if any(cells[p] == "T" for p, _ in states):
            return str(minutes)
        following = set()
        for (r, c), run in states:
            for p in ((r + 1, c), (r - 1, c), (r, c + 1), (r, c - 1)):
                if p in cells:
                    longer = (run + 1) * (cells[p] == "#")
                    if longer <= k:
                        following.add((p, longer))
        states = following - seen
        seen |= states
        minutes += 1
    return "-1"
