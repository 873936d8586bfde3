# class: idiom
# about: input() until EOFError
# case: ["1\n2\n3", "6"]
total = 0
try:
    while True:
        total += int(input())
except EOFError:
    print(total)
