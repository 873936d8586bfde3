# class: idiom
# entry: solve
# case: ["[1]", "null"]
def solve(numbers):
    numbers.append(1)
