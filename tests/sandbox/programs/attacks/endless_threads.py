# class: survival
# about: Ends with threads that never do
# goal: hang_judge
# want: idle_limit time_limit
# case: ["4\n", "never"]
import threading
import time


def linger():
    while True:
        time.sleep(600)


for _ in range(3):
    threading.Thread(target=linger).start()
print(4)
