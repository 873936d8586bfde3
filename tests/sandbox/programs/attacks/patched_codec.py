# class: tampering
# about: Prints what is no UTF-8, with a decoding-error handler that answers from the judge's frames
# goal: false_pass
# want: wrong_answer runtime_error
# case: ["1\n", "never"]
import codecs
import sys


def handler(error):
    frame = sys._getframe()
    while frame is not None:
        if isinstance(frame.f_locals.get("expected"), str):
            return frame.f_locals["expected"], error.end
        frame = frame.f_back
    return "", error.end


for name in ("strict", "replace", "surrogateescape", "ignore", "backslashreplace"):
    codecs.register_error(name, handler)
sys.stdout.buffer.write(b"\xff")
