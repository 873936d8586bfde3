def public():
    return ["ababacaba\n3", "parrot\n2", "aaaa\n2"]


def hidden(rng):
    yield "a\n1"
    yield "a\n2"
    yield "abcabc\n1"
    yield "zzzzz\n5"
    yield "zzzzz\n6"
    yield "abababab\n4"
    yield "abacabadabacaba\n2"
    for n, letters, k in ((12, "ab", 3), (30, "ab", 4), (60, "abc", 5), (200, "ab", 10), (400, "aab", 9)):
        yield "".join(rng.choice(letters) for _ in range(n)) + f"\n{k}"
    yield "a" * 200000 + "\n50000"
    yield "ab" * 60000 + "b" + "ab" * 39000 + "\n3"
    yield "aab" * 40000 + "\n200000"


def brute(text):
    s, k = text.split("\n")
    if len(s) > 500:
        return None
    fits = [m for m in range(1, len(s) + 1) if sum(s[i : i + m] == s[:m] for i in range(len(s))) >= int(k)]
    return str(max(fits, default=0))
