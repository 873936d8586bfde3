# class: exfiltration
# about: Connects to a TCP server on the loopback device
# goal: connect
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import socket

with socket.create_connection(("127.0.0.1", @PORT@), timeout=2) as link:
    print("PW" + "NED inet")
    link.sendall(b"the hidden tests")
