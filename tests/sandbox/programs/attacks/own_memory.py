# class: exfiltration
# about: Searches its own memory for the expected output
# goal: false_pass
# want: runtime_error wrong_answer signal
# case: ["4\n", "ANSWER-90a1f2c3d4e5b607"]
import re

found = []
with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb") as memory:
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
