# class: tampering
# about: Returns an object that poses as numpy's and unpacks into itself for ever
# entry: solve
# goal: judge_raises
# want: bad_return runtime_error
# case: ["1", "[]"]
class Endless:
    shape = ()

    def item(self):
        return Endless()


Endless.__module__ = "numpy"


def solve(n):
    return Endless()
