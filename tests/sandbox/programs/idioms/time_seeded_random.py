# class: idiom
# about: Seeds from clock and system, the salt against anti-hash tests
# case: ["7\n", "49"]
import os
import random
import secrets
import time
import uuid

salt = random.randrange(1 << 30) ^ int(time.time() * 1000) ^ int.from_bytes(os.urandom(4), "big") ^ secrets.randbits(8)
table = {n ^ salt: n * n for n in range(10)}
print(table[int(input()) ^ salt])
assert uuid.uuid4() != uuid.uuid4()
