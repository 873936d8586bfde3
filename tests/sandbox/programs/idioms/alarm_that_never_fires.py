# class: idiom
# about: An alarm set as a time guard
# case: ["4\n", "16"]
import signal

signal.signal(signal.SIGALRM, lambda *args: print("too late"))
signal.alarm(60)
print(int(input()) ** 2)
signal.alarm(0)
