# class: tampering
# about: Returns a list that equals everything
# entry: solve
# goal: false_pass
# want: wrong_answer bad_return
# case: ["4", "[8210734562]"]
class Anything(list):
    def __eq__(self, other):
        return True

    def __ne__(self, other):
        return False

    def __hash__(self):
        return 0


def solve(n):
    return Anything([1])
