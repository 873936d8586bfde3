# class: survival
# about: Starts endless threads when it has already ended
# goal: hang_judge
# want: wrong_answer runtime_error time_limit idle_limit
# case: ["1\n", "never"]
import atexit
import threading
import time


def linger():
    while True:
        time.sleep(600)


def late():
    for _ in range(3):
        threading.Thread(target=linger).start()


atexit.register(late)
print(4)
