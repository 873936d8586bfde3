# class: idiom
# about: The standard modules for binary data
# case: ["7\n", "[7, 8] 0007 900150983cd24fb0d6963f7d28e17f72 3 8"]
import array
import base64
import binascii
import hashlib
import struct
import zlib

n = int(input())
numbers = array.array("q", [n, n + 1])
print(numbers.tolist(), struct.pack(">H", n).hex(), hashlib.md5(b"abc").hexdigest(), n.bit_count(), 1 << n.bit_length())
assert base64.b64decode(base64.b64encode(b"x")) == b"x" and zlib.crc32(b"x") == binascii.crc32(b"x")
