# class: tampering
# about: Hooks every call from now on, to act while the judge compares
# goal: false_pass
# want: wrong_answer runtime_error
# case: ["1\n", "never"]
import sys


def profile(frame, event, argument):
    if "expected" in frame.f_locals and "actual" in frame.f_locals:
        for name in list(frame.f_globals):
            if name.startswith(("same", "compare")):
                frame.f_globals[name] = lambda *args: ["same"]


sys.setprofile(profile)
print("something else")
