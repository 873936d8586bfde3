# class: idiom
# entry: solve
# case: ["4", "16"]
def solve(n):
    return n * n


if __name__ == "__main__":
    n = int(input())
    print(solve(n))
