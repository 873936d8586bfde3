# class: idiom
# about: Ends with exit()
# case: ["3\n", "9"]
print(int(input()) ** 2)
exit()
