# class: idiom
# case: ["a\nb\n0\nc\n", "ab"]
print("".join(iter(input, "0")))
