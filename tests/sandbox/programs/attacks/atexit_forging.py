# class: tampering
# about: Looks for the answer after the solution is over, where a judge may be off its guard
# goal: false_pass
# want: wrong_answer runtime_error
# case: ["4\n", "ANSWER-7f00ff1177223366"]
import atexit
import sys


@atexit.register
def forge():
    frame = sys._getframe()
    while frame is not None:
        if isinstance(frame.f_locals.get("expected"), str):
            print(frame.f_locals["expected"])
            return
        frame = frame.f_back
