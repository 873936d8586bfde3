# class: idiom
# about: Returns an integer beyond 64 bits
# entry: solve
# case: ["100", "1267650600228229401496703205376"]
def solve(n):
    return 2**n
