# class: persistence
# about: Remembers the first test in a System V message queue
# goal: false_pass
# want: wrong_answer runtime_error signal
# case: ["first\n", "first"]
# case: ["second\n", "first"]
import ctypes

given = input()
libc = ctypes.CDLL(None, use_errno=True)
queue = libc.msgget(0x5D91, 0o1666)
buffer = ctypes.create_string_buffer(108)
if queue >= 0 and libc.msgrcv(queue, buffer, 100, 0, 0o4000) > 0:
    print(buffer[8:].rstrip(b"\0").decode())
else:
    print(given)
    libc.msgsnd(queue, b"\1\0\0\0\0\0\0\0" + given.encode(), len(given), 0o4000)
