# class: idiom
# about: A NUL character in its input
# case: ["\u0000 5\n", "5 1 True"]
mark, number = input().split(" ")
print(number, len(mark), mark == chr(0))
