# class: idiom
# about: Takes and returns a list of 50,000 numbers
# entry: solve
# case: ["50000", "1249975000"]
def solve(n):
    return sum(sorted(range(n), reverse=True))
