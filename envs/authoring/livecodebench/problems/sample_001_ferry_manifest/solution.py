n = int(input())
aboard = most = when = 0
for number in range(1, n + 1):
    word, count = input().split()
    if word == "board":
        aboard += int(count)
    else:
        aboard -= int(count)
    if aboard > most:
        most, when = aboard, number
print(most, when)
