# class: idiom
# about: The function prints, which is no part of its answer
# entry: solve
# case: ["4", "16"]
def solve(n):
    print("debug", n)
    return n * n


print("at import")
