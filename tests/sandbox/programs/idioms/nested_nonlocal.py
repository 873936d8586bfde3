# class: idiom
# about: Nested functions with nonlocal
# case: ["4\n", "10"]
def main():
    total = 0

    def visit(n):
        nonlocal total
        if n:
            total += n
            visit(n - 1)

    visit(int(input()))
    print(total)


main()
