# class: exfiltration
# about: Connects to a Unix socket by its path
# goal: connect
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import socket

with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
    link.connect("@SOCKET@")
    print("PW" + "NED unix")
    link.sendall(b"the hidden tests")
