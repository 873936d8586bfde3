# class: idiom
# about: Opens descriptor 0 for its input
# case: ["3\n1 2 3\n", "6"]
n, *numbers = map(int, open(0).read().split())
print(sum(numbers))
