# class: idiom
# about: One line of a million characters
# repeat: [["12", 400]]
# case: ["500000\n", "1000000 500000"]
n = int(input())
line = "12" * n
print(len(line), line.count("1"))
assert "@REPEAT@" in line
