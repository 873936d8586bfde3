# class: idiom
# about: Returns an empty list
# entry: solve
# case: ["[]", "[]"]
def solve(numbers):
    return [n for n in numbers if n]
