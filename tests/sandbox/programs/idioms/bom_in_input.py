# class: idiom
# about: Input with a byte order mark
# case: ["\ufeff4\n", "16"]
print(int(input().lstrip("\ufeff")) ** 2)
