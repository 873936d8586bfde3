# class: escape
# about: Sends descriptors over a socket pair: those on their way escape every limit
# goal: forbidden
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import os
import socket

left, right = socket.socketpair()
socket.send_fds(left, [b"x"], [0, 1, 2])
os.read(right.fileno(), 1)
print("PW" + "NED descriptors on their way")
