# class: escape
# about: Aims a signal of every descriptor that it was given at the judge
# goal: forbidden
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import fcntl
import os
import signal

for fd in range(64):
    try:
        fcntl.fcntl(fd, 8, os.getppid())
        fcntl.fcntl(fd, 10, signal.SIGKILL)
    except OSError:
        continue
    if fcntl.fcntl(fd, 9) == os.getppid() and os.getppid():
        print("PW" + "NED owner of", fd)
