# class: tampering
# about: Hooks every line that is run from now on, to act while the judge compares
# goal: false_pass
# want: wrong_answer runtime_error
# case: ["4\n", "8210734588"]
# Acts only while the harness compares: a hook on every line that is run from now on.
import sys


def trace(frame, event, argument):
    if "expected" in frame.f_locals and isinstance(frame.f_locals["expected"], str) and "actual" in frame.f_locals:
        frame.f_globals["compared_lines"] = lambda text: ["same"]
    return trace


sys.settrace(trace)
print("something else")
