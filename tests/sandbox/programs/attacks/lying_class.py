# class: tampering
# about: Returns an object that says it is a dictionary and equals everything
# entry: solve
# goal: false_pass
# want: wrong_answer bad_return runtime_error
# case: ["4", "{\"a\": 8210734566}"]
class Liar:
    @property
    def __class__(self):
        return dict

    def __eq__(self, other):
        return True

    def __hash__(self):
        return hash("anything")

    def __getattr__(self, name):
        return lambda *args, **kwargs: self

    def __iter__(self):
        return iter(())


def solve(n):
    return Liar()
