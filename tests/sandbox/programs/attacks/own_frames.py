# class: tampering
# about: Prints frames as the supervisor sends them, with their very bytes
# unproven: aimed at this sandbox's own frames
# want: wrong_answer runtime_error
# case: ["1\n", "never"]
import os
import struct

outcome = struct.pack("<BBiQQQIII", 0, 0, 0, 1000, 1000, 1000, 10, 0, 0) + b"8210734603"
frames = [struct.pack("<BQ", kind, len(outcome)) + outcome for kind in range(12)]
frames += [b"VERDICT accepted\n", b"__RESULT__ passed\n", b"\0\1\2\3\4\5\6\7" * 100]
for fd in range(64):
    for frame in frames:
        try:
            os.write(fd, frame)
        except OSError:
            break
os._exit(0)
