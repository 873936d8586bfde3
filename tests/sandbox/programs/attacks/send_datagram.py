# class: exfiltration
# about: Sends a datagram to a server on the loopback device
# goal: connect
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import socket

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
    link.sendto(b"the hidden tests", ("127.0.0.1", @PORT@))
    print("PW" + "NED udp")
