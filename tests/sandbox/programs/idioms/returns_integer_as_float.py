# class: idiom
# entry: solve
# case: ["4\n2", "2"]
def solve(a, b):
    return a / b
