# class: idiom
# about: Searches until its own alarm interrupts it, then prints the best it has
# case: ["4\n", "best 16"]
import signal


class TimeUp(Exception):
    pass


def stop(number, frame):
    raise TimeUp


signal.signal(signal.SIGALRM, stop)
signal.setitimer(signal.ITIMER_REAL, 0.05)
best = int(input()) ** 2
try:
    while True:
        pass
except TimeUp:
    print("best", best)
