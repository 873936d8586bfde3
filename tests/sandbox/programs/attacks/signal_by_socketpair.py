# class: escape
# about: Lets the kernel send the signal: the owner of an asynchronous socket gets one when data arrives
# goal: kill_judge
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import fcntl
import os
import signal
import socket
import struct
import time

left, right = socket.socketpair()
fcntl.fcntl(left, 15, struct.pack("ii", 1, os.getppid()))  # F_SETOWN_EX, F_OWNER_PID
fcntl.fcntl(left, 10, signal.SIGKILL)
fcntl.fcntl(left, fcntl.F_SETFL, os.O_ASYNC)
right.send(b"x")
time.sleep(0.3)
