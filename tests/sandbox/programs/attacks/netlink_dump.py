# class: escape
# about: Asks the kernel by netlink for the machine's network devices
# goal: forbidden
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import socket
import struct

with socket.socket(16, socket.SOCK_RAW, 0) as link:
    link.send(struct.pack("=IHHIIB3x", 20, 18, 0x301, 1, 0, 0))
    print("PW" + "NED", len(link.recv(65536)), "bytes on network devices")
