# class: tampering
# about: Returns an integer that equals everything
# entry: solve
# goal: false_pass
# want: wrong_answer bad_return
# case: ["4", "8210734563"]
class Anything(int):
    def __eq__(self, other):
        return True

    def __ne__(self, other):
        return False

    __hash__ = int.__hash__


def solve(n):
    return Anything(1)
