# class: idiom
# entry: solve
# case: ["100", "1267650600228229401496703205376"]
def solve(n):
    return 2**n
