def show(runners):
    return "\n".join([str(len(runners)), *(f"{name} {t // 60}:{t % 60:02}" for name, t in runners)])


def public():
    return ["4\nida 10:05\nbo 9:59\ncleo 10:05\nmax 11:00", "1\nzoe 0:00"]


def field(rng, n, low, high):
    names = set()
    while len(names) < n:
        names.add("".join(rng.choice("abcdeimnorst") for _ in range(rng.randint(2, 7))))
    names = sorted(names)
    rng.shuffle(names)
    return [(name, rng.randint(low, high)) for name in names]


def hidden(rng):
    yield "3\nc 7:00\nb 7:00\na 7:00"
    yield "2\nb 100:00\na 99:59"
    yield "5\na 1:00\nb 1:00\nc 1:01\nd 1:01\ne 1:02"
    yield "3\nab 3:09\na 3:09\nabc 3:10"
    for n, low, high in ((5, 595, 605), (8, 0, 5), (20, 0, 700), (60, 500, 560), (200, 0, 59999), (300, 5990, 6010)):
        yield show(field(rng, n, low, high))


def brute(text):
    runners = [(line.split()[0], line.split()[1].zfill(6)) for line in text.splitlines()[1:]]
    runners.sort(key=lambda r: r[0])
    runners.sort(key=lambda r: r[1])
    return "\n".join(f"{1 + sum(t < time for _, t in runners)} {name}" for name, time in runners)
