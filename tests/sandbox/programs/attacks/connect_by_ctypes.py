# class: exfiltration
# about: Connects by TCP without Python's socket module
# goal: connect
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import ctypes
import socket
import struct

libc = ctypes.CDLL(None, use_errno=True)
fd = libc.socket(2, 1, 0)
address = struct.pack("=H", 2) + struct.pack("!H", @PORT@) + socket.inet_aton("127.0.0.1") + bytes(8)
if fd >= 0 and libc.connect(fd, address, len(address)) == 0:
    print("PW" + "NED inet by ctypes")
    libc.write(fd, b"the hidden tests", 16)
