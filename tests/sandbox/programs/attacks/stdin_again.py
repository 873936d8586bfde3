# class: tampering
# about: Reads its input's file again and beyond, in search of the next tests
# unproven: the weak judge gives no file to read again
# want: wrong_answer runtime_error
# case: ["5\n", "8210734608"]
# case: ["6\n", "8210734609"]
import os

given = input()
for fd in range(64):
    try:
        os.lseek(fd, 0, os.SEEK_SET)
        text = os.read(fd, 1 << 20)
        if b"82107346" in text:
            print(text.decode())
    except (OSError, UnicodeDecodeError):
        pass
