# class: idiom
# about: Prints -0.0
# case: ["0\n", "-0.0 0"]
x = -float(input())
print(x, int(x))
