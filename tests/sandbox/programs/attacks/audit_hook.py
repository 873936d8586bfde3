# class: tampering
# about: Adds an audit hook, which nobody can remove, and acts in the judge's frames
# goal: false_pass
# want: wrong_answer runtime_error
# case: ["1\n", "never"]
import sys

busy = []


def hook(event, arguments):
    if busy or event == "sys._getframe":
        return
    busy.append(1)
    frame = sys._getframe(1)
    while frame is not None:
        for name in list(frame.f_globals):
            if name.startswith(("same", "compare")):
                frame.f_globals[name] = lambda *args: True
        frame = frame.f_back
    busy.clear()


sys.addaudithook(hook)
compile("0", "", "eval")
print("something else")
