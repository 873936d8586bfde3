# class: persistence
# about: Remembers the first test in a lock on the interpreter's own library
# goal: false_pass
# want: wrong_answer runtime_error
# case: ["first\n", "first"]
# case: ["second\n", "first"]
import fcntl
import os
import sys
import threading

given = input()
held = os.open(os.__file__, os.O_RDONLY)
locked = True
try:
    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    locked = False
except OSError:
    pass
print(given if locked else "first")
sys.keep = held
