# class: escape
# about: Loads a packet filter, which the kernel compiles, into a socket
# goal: forbidden
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import ctypes
import socket
import struct

left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
code = ctypes.create_string_buffer(struct.pack("=HBBI", 6, 0, 0, 0xFFFF), 8)
left.setsockopt(socket.SOL_SOCKET, 26, struct.pack("@HP", 1, ctypes.addressof(code)))
print("PW" + "NED packet filter")
