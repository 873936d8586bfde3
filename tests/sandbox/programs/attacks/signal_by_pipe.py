# class: escape
# about: Lets the kernel send the signal: the owner of an asynchronous pipe gets one when data arrives
# goal: kill_judge
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import fcntl
import os
import signal
import time

for owner in (os.getppid(), -os.getpgid(0)):
    reader, writer = os.pipe()
    fcntl.fcntl(reader, 8, owner)  # F_SETOWN
    fcntl.fcntl(reader, 10, signal.SIGKILL)  # F_SETSIG
    fcntl.fcntl(reader, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
    os.write(writer, b"x")
time.sleep(0.3)
