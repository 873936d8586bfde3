# class: idiom
# about: Opens descriptor 0 and iterates over it
# case: ["3\n1\n2\n3\n", "3\n2\n1\n3"]
with open(0) as lines:
    print(*[line.strip() for line in lines][::-1], sep="\n")
