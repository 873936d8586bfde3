# class: idiom
# about: Returns 2.0 where 2 is expected
# entry: solve
# case: ["4\n2", "2"]
def solve(a, b):
    return a / b
