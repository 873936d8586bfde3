# class: idiom
# about: Prints 100,000 times
# case: ["100000\n", "@NUMBERS@"]
for i in range(int(input())):
    print(i)
