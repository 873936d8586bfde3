# class: tampering
# about: Swaps the code behind the judge's functions and leaves their names alone
# goal: false_pass
# want: wrong_answer runtime_error
# case: ["4\n", "8210734571"]
# Leaves every name alone and swaps the code behind it, in the frames above.
import sys


def yes(*args, **kwargs):
    return True


frame = sys._getframe(0)
while frame is not None:
    for name, value in list(frame.f_globals.items()):
        if name.startswith(("same", "compare", "check")) and hasattr(value, "__code__"):
            value.__code__ = yes.__code__
    frame = frame.f_back
print("something else")
