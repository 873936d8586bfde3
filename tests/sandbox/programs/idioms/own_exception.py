# class: idiom
# about: Unwinds a search with a BaseException of its own
# case: ["7\n", "found 7"]
class Found(BaseException):
    pass


def search(n):
    if n == 7:
        raise Found(n)
    return search(n + 1)


try:
    search(int(input()))
except Found as found:
    print("found", found.args[0])
