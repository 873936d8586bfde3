# class: tampering
# about: Replaces standard output by a lying object in an exit function
# goal: false_pass
# want: wrong_answer runtime_error
# case: ["1\n", "never"]
import atexit
import sys


class Liar(str):
    buffer = property(lambda self: self)

    def __eq__(self, other):
        return True

    def __getattribute__(self, name):
        return self if name == "buffer" else lambda *args, **kwargs: [self] if name in ("split", "splitlines") else self

    def __len__(self):
        return 1

    __hash__ = str.__hash__


def replace():
    sys.stdout = sys.__stdout__ = Liar("x")


atexit.register(replace)
print("something else")
