# class: idiom
# about: Returns a tuple where a list is expected
# entry: solve
# case: ["3", "[3, 9]"]
def solve(n):
    return n, n * n
