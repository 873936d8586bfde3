# class: idiom
# about: Opens descriptor 0 as bytes
# case: ["5 6\n", "30"]
a, b = map(int, open(0, "rb").read().split())
print(a * b)
