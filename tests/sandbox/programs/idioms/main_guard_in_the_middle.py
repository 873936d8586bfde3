# class: idiom
# about: A main block in the middle
# case: ["4\n", "before 4\nafter 16"]
if __name__ == "__main__":
    n = int(input())
    print("before", n)


def square(x):
    return x * x


print("after", square(n))
