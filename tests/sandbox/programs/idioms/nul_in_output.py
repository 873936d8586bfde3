# class: idiom
# about: A NUL character in its output
# case: ["3\n", "a\u0000b 9"]
print("a\0b", int(input()) ** 2)
