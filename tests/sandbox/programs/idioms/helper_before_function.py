# class: idiom
# about: A helper of another name before the function
# entry: solve
# case: ["5", "120"]
def helper(n):
    return 0


def solve(n):
    return product(range(1, n + 1))


def product(numbers):
    result = 1
    for number in numbers:
        result *= number
    return result
