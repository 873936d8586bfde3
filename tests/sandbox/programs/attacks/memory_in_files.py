# class: exhaustion
# about: Keeps memory in memory files, where no limit on its addresses counts it
# goal: forbidden
# want: runtime_error wrong_answer output_limit
# case: ["1\n", "never"]
import os

files = []
for _ in range(4):
    files.append(os.memfd_create("held", 0))
    for _ in range(20):
        os.write(files[-1], bytes(1 << 20))
print("PW" + "NED", len(files))
