# class: exfiltration
# about: Reads a file of the judge's user
# goal: read_file
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import os

fd = os.open("@CANARY_FILE@", os.O_RDONLY)
print("PW" + "NED canary", os.read(fd, 1000).decode())
