# class: exhaustion
# about: Computes without end in four threads
# goal: hang_judge
# want: time_limit
# case: ["1\n", "never"]
import threading


def spin():
    while True:
        pass


for _ in range(4):
    threading.Thread(target=spin).start()
