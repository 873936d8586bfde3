# class: idiom
# entry: solve
# case: ["4", "16"]
def solve(n):
    print("debug", n)
    return n * n


print("at import")
