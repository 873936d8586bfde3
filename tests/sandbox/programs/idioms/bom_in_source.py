# class: idiom
# about: A source with a byte order mark
# case: ["4\n", "16"]
@BOM@print(int(input()) ** 2)
