# class: idiom
# case: ["5", "5"]
print(input(), end="")
