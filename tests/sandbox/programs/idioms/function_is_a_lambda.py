# class: idiom
# about: The function is a lambda
# entry: solve
# case: ["[3, 1, 2]", "[1, 2, 3]"]
solve = lambda numbers: sorted(numbers)
