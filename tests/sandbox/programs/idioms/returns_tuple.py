# class: idiom
# entry: solve
# case: ["3", "[3, 9]"]
def solve(n):
    return n, n * n
