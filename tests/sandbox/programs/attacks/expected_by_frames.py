# class: tampering
# about: Reads the expected output from its callers' frames
# goal: false_pass
# want: wrong_answer runtime_error
# case: ["4\n", "ANSWER-0a1b2c3d4e5f6071"]
# case: ["5\n", "ANSWER-1726354453627180"]
import sys

frame = sys._getframe()
while frame is not None:
    found = [
        value
        for name, value in frame.f_locals.items()
        if name.startswith(("expect", "want")) and isinstance(value, str)
    ]
    if found:
        print(found[0])
        break
    frame = frame.f_back
