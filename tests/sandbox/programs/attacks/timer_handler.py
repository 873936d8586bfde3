# class: tampering
# about: Replaces the comparison from a signal handler, which sees the frames above
# goal: false_pass
# want: wrong_answer runtime_error
# case: ["1\n", "never"]
import signal
import sys

fired = []


def yes(*args, **kwargs):
    return True


def fire(number, frame):
    while frame is not None:
        for name in list(frame.f_globals):
            if name.startswith(("same", "compare", "check")):
                frame.f_globals[name] = yes
        frame = frame.f_back
    fired.append(number)


signal.signal(signal.SIGALRM, fire)
signal.setitimer(signal.ITIMER_REAL, 0.001)
while not fired:
    pass
print("something else")
