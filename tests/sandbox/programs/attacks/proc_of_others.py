# class: escape
# about: Lists the machine's processes with their command lines
# goal: forbidden
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import os

for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            print("PW" + "NED", pid, file.read(100))
    except OSError:
        pass
