# class: idiom
# about: Opens descriptor 1 for its output
# case: ["5\n", "25"]
with open(1, "w", closefd=False) as out:
    out.write(f"{int(input()) ** 2}\n")
