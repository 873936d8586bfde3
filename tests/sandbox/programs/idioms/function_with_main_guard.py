# class: idiom
# about: A function beside a main block that would read input
# entry: solve
# case: ["4", "16"]
def solve(n):
    return n * n


if __name__ == "__main__":
    n = int(input())
    print(solve(n))
