# class: idiom
# about: Recursion by generators
# case: ["3\n", "1 3 2 3 1"]
from types import GeneratorType


def bootstrap(f, stack=[]):
    def wrapped(*args):
        if stack:
            return f(*args)
        to = f(*args)
        while True:
            if isinstance(to, GeneratorType):
                stack.append(to)
                to = next(to)
            else:
                stack.pop()
                if not stack:
                    return to
                to = stack[-1].send(to)

    return wrapped


@bootstrap
def add(n):
    if n == 0:
        yield 0
    below = yield add(n - 1)
    yield below + n


add(10000)
print(1, int(input()), 2, 3, 1)
