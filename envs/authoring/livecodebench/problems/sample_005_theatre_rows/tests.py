def public():
    return ["3 5 3\n....x\n..x..\nx...x", "2 3 1\nxxx\nx.x", "2 4 4\n....\n...."]


def plan(rng, rows, columns, k, free):
    seats = ["".join("." if rng.random() < free else "x" for _ in range(columns)) for _ in range(rows)]
    return "\n".join([f"{rows} {columns} {k}", *seats])


def hidden(rng):
    yield "1 1 1\n."
    yield "1 1 1\nx"
    yield "1 6 2\n......"
    yield "3 2 2\n..\n..\n.x"
    yield plan(rng, 2, 8, 2, 0.7)
    yield plan(rng, 5, 7, 3, 0.8)
    yield plan(rng, 6, 10, 1, 0.5)
    yield plan(rng, 10, 12, 4, 0.9)
    yield plan(rng, 40, 40, 6, 0.9)
    yield plan(rng, 100, 100, 30, 0.98)
    yield plan(rng, 300, 300, 2, 1.0)
    yield plan(rng, 300, 300, 300, 0.999)


def brute(text):
    head, *seats = text.split("\n")
    k = int(head.split()[2])
    return str(sum(row[i : i + k] == "." * k for row in seats for i in range(len(row) - k + 1)))
