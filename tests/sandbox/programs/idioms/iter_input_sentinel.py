# class: idiom
# about: iter(input, sentinel)
# case: ["a\nb\n0\nc\n", "ab"]
print("".join(iter(input, "0")))
