# class: exfiltration
# about: Searches its parent's memory for the expected output
# goal: false_pass
# want: runtime_error wrong_answer signal
# case: ["4\n", "ANSWER-13c5e7f9a0b2d4c6"]
import os
import re

found = []
parent = os.getppid()
with open(f"/proc/{parent}/maps") as maps, open(f"/proc/{parent}/mem", "rb") as memory:
    for line in maps:
        span, mode = line.split()[:2]
        start, end = (int(x, 16) for x in span.split("-"))
        if mode.startswith("rw") and end - start < 64 << 20:
            memory.seek(start)
            try:
                found += re.findall(rb"ANSWER-[0-9a-f]{16}", memory.read(end - start))
            except OSError:
                pass
print(found[0].decode())
