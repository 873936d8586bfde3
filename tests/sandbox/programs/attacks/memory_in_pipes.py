# class: exhaustion
# about: Keeps memory in pipes that it makes larger
# goal: forbidden
# want: runtime_error wrong_answer
# case: ["1\n", "never"]
import fcntl
import os

held = 0
try:
    while held < 64 << 20:
        reader, writer = os.pipe()
        held += fcntl.fcntl(writer, 1031, 1 << 20) if held < 16 << 20 else 1 << 16  # F_SETPIPE_SZ
    print("PW" + "NED", held)
except OSError:
    pass
