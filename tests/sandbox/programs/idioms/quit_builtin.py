# class: idiom
# about: Ends with quit()
# case: ["3\n", "9"]
n = int(input())
if n > 2:
    print(n * n)
    quit()
print(0)
