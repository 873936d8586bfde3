# class: idiom
# about: A main block at the end
# case: ["4\n", "24"]
def main():
    result = 1
    for i in range(2, int(input()) + 1):
        result *= i
    print(result)


if __name__ == "__main__":
    main()
