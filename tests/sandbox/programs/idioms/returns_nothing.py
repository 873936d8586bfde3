# class: idiom
# about: Returns None
# entry: solve
# case: ["[1]", "null"]
def solve(numbers):
    numbers.append(1)
