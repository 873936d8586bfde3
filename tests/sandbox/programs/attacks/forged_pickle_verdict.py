# class: tampering
# about: Writes a pickled verdict on every descriptor
# goal: false_pass
# want: wrong_answer runtime_error signal output_limit
# case: ["4\n", "8210734572"]
# Writes the verdict that a judge would like to read on every descriptor that it was left.
import os
import pickle
import struct

verdict = pickle.dumps([{"passed": True, "output": "8210734572"[::-1], "message": ""}])
for fd in range(3, 256):
    try:
        os.write(fd, struct.pack("!i", len(verdict)) + verdict)
    except OSError:
        pass
os._exit(1)
