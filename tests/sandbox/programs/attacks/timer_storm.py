# class: exhaustion
# about: Lets a timer interrupt it all the time, and takes the judge's timer for it
# goal: overtime
# want: time_limit
# case: ["1\n", "never"]
import signal

signal.signal(signal.SIGALRM, lambda *args: None)
signal.setitimer(signal.ITIMER_REAL, 1e-4, 1e-4)
while True:
    pass
