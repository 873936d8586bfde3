def show(numbers):
    return "\n".join(map(str, [len(numbers), *numbers]))


def public():
    return [show([1, 2, 3]), show([10, 1000000000000000000])]


def hidden(rng):
    yield show([1])
    yield show(list(range(1, 13)))
    yield show([20, 30, 40, 50, 60])
    yield show([63, 64, 65, 127, 128])
    yield show([rng.randint(1, 200) for _ in range(20)])
    yield show([rng.randint(200, 5000) for _ in range(20)])
    yield show([10**18, 10**18 - 1, 2**59, 2**59 - 1])
    yield show([rng.randint(10**15, 10**18) for _ in range(50)])
    yield show([10**9 + 6, 10**9 + 7, 10**9 + 8])


def brute(text):
    numbers = list(map(int, text.split()))[1:]
    if max(numbers) > 10**4:
        return None
    # by the last lamp: white, green, or red after a white or green one
    ways = [[1, 0, 0], [2, 1, 0]]
    for _ in range(max(numbers) - 1):
        before, last = ways[-2:]
        ways.append([last[g] + last[g - 1] + before[g] + before[g - 1] for g in range(3)])
    return "\n".join(str(ways[n][0] % (10**9 + 7)) for n in numbers)
