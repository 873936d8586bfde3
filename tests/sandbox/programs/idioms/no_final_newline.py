# class: idiom
# about: No newline at the end of input and output
# case: ["5", "5"]
print(input(), end="")
