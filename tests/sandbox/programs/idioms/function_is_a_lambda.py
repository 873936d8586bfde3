# class: idiom
# entry: solve
# case: ["[3, 1, 2]", "[1, 2, 3]"]
solve = lambda numbers: sorted(numbers)
