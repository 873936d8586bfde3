# class: tampering
# about: Replaces standard output by an object that says yes to everything
# goal: false_pass
# want: wrong_answer runtime_error
# case: ["4\n", "8210734590"]
import sys


class Liar:
    """Answers every call with itself and is equal to everything."""

    def __getattr__(self, name):
        return self

    def __call__(self, *args, **kwargs):
        return self

    def __eq__(self, other):
        return True

    def __iter__(self):
        return iter([self])

    def __len__(self):
        return 1

    def __hash__(self):
        return 0


sys.stdout = Liar()
print("anything")
