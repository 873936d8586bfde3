# class: exfiltration
# about: Connects without connect(): the destination travels with the first data (TCP fast open)
# goal: connect
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import socket

with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as link:
    if link.sendto(b"the hidden tests", 0x20000000, ("127.0.0.1", @PORT@)):
        print("PW" + "NED fast open")
