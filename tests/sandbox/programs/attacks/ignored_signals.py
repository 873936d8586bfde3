# class: exhaustion
# about: Ignores and blocks every signal, then spins
# goal: hang_judge
# want: time_limit
# case: ["1\n", "never"]
import signal

for number in signal.valid_signals():
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
while True:
    pass
