# class: persistence
# about: Remembers the first test in signal handlers and the signal mask
# goal: false_pass
# want: wrong_answer runtime_error
# case: ["first\n", "first"]
# case: ["second\n", "first"]
import signal

given = input()
seen = signal.getsignal(signal.SIGUSR1) == signal.SIG_IGN or signal.SIGUSR2 in signal.pthread_sigmask(signal.SIG_BLOCK, [])
print("first" if seen else given)
signal.signal(signal.SIGUSR1, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
