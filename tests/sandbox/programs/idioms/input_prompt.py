# class: idiom
# case: ["4\n", "16"]
print(int(input("")) ** 2)
