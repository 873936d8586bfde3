# class: idiom
# about: A source whose last line, a comment, has no newline
# case: ["4\n", "16"]
print(int(input()) ** 2); pass  # the end@END@
