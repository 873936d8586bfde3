# class: persistence
# about: Remembers the first test in a timer that runs on
# goal: false_pass
# want: wrong_answer runtime_error
# case: ["first\n", "first"]
# case: ["second\n", "first"]
import signal

given = input()
print("first" if signal.getitimer(signal.ITIMER_VIRTUAL)[0] else given)
signal.setitimer(signal.ITIMER_VIRTUAL, 1000)
