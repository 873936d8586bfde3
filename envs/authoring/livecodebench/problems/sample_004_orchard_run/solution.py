n = int(input())
runners = []
for _ in range(n):
    name, time = input().split()
    minutes, seconds = map(int, time.split(":"))
    runners.append((minutes * 60 + seconds, name))
runners.sort()
place = 0
for number, (time, name) in enumerate(runners):
    if number == 0 or time != runners[number - 1][0]:
        place = number + 1
    print(place, name)
