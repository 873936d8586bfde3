# class: idiom
# about: Builds its lines with print(end="")
# case: ["3\n", "1 2 3 \n12"]
n = int(input())
for i in range(1, n + 1):
    print(i, end=" ")
print()
print("1", end="")
print("2", end="")
