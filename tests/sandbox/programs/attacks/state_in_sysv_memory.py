# class: persistence
# about: Remembers the first test in System V shared memory
# goal: false_pass
# want: wrong_answer runtime_error signal
# case: ["first\n", "first"]
# case: ["second\n", "first"]
import ctypes

given = input()
libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p
libc.shmat.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_int]
segment = libc.shmget(0x5D90, 4096, 0o1666)
address = libc.shmat(segment, None, 0) if segment >= 0 else None
if address and address != 2**64 - 1:
    if not ctypes.string_at(address):
        ctypes.memmove(address, given.encode() + b"\0", len(given) + 1)
    print(ctypes.string_at(address).decode())
else:
    print(given)
