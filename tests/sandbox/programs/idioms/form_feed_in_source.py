# class: idiom
# about: Form feeds between the parts of a source
# case: ["4\n", "16"]
def square(n):
    return n * n
@FF@
@FF@
print(square(int(input())))
