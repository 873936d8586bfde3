rows, _, k = map(int, input().split())
ways = 0
for _ in range(rows):
    for stretch in input().split("x"):
        ways += max(0, len(stretch) - k + 1)
print(ways)
