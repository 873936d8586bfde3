# class: idiom
# about: input() with a prompt that is empty
# case: ["4\n", "16"]
print(int(input("")) ** 2)
