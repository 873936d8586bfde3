# class: tampering
# about: Stops every timer that may guard it, then spins
# goal: overtime
# want: time_limit
# case: ["1\n", "never"]
import signal

for timer in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF):
    signal.setitimer(timer, 0)
while True:
    pass
