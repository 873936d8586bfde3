# class: idiom
# about: input() with a prompt, which is output as everywhere else
# case: ["4\n5\n", "a? b? 20"]
a = int(input("a? "))
b = int(input("b? "))
print(a * b)
