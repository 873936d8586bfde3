# class: idiom
# about: A global statement at top level
# case: ["5\n", "6"]
global counter
counter = int(input())


def step():
    global counter
    counter += 1


step()
print(counter)
