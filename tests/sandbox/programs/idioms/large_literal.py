# class: idiom
# about: A table of 10,000 numbers in the source
# repeat: [["7, ", 10000]]
# case: ["3\n", "10000 21"]
table = [@REPEAT@]
print(len(table), sum(table[: int(input())]))
