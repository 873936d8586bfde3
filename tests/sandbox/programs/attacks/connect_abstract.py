# class: exfiltration
# about: Connects to an abstract Unix socket, which no file permission guards
# goal: connect
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import socket

with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
    link.connect("\0@ABSTRACT@")
    print("PW" + "NED abstract")
    link.sendall(b"the hidden tests")
