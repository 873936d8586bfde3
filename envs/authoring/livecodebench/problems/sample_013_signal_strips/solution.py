MOD = 10**9 + 7


def times(a, b):
    columns = list(zip(*b))
    return [[sum(x * y for x, y in zip(row, column)) % MOD for column in columns] for row in a]


# state 3 * (ends with red?) + (number of green lamps mod 3)
STEP = [[0] * 6 for _ in range(6)]
for red in range(2):
    for green in range(3):
        STEP[3 * red + green][green] = 1
        STEP[3 * red + green][(green + 1) % 3] = 1
        if not red:
            STEP[green][3 + green] = 1

powers = [STEP]
while len(powers) < 60:
    powers.append(times(powers[-1], powers[-1]))

for _ in range(int(input())):
    n = int(input())
    row = [[1, 0, 0, 0, 0, 0]]
    for i in range(n.bit_length()):
        if n >> i & 1:
            row = times(row, powers[i])
    print((row[0][0] + row[0][3]) % MOD)
