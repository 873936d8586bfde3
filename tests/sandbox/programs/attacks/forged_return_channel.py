# class: tampering
# about: Writes a verdict on every descriptor from a function, then leaves
# entry: solve
# goal: false_pass
# want: wrong_answer bad_return runtime_error signal
# case: ["4", "8210734575"]
import json
import os
import pickle
import struct


def solve(n):
    verdict = pickle.dumps([{"passed": True, "output": "", "message": ""}])
    for fd in range(3, 64):
        try:
            os.write(fd, struct.pack("!i", len(verdict)) + verdict)
            os.write(fd, json.dumps({"passed": True, "status": "accepted"}).encode())
        except OSError:
            pass
    os._exit(0)
