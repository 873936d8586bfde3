# class: exfiltration
# about: Reads the environment of every process in /proc
# goal: env_secret
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import os

for pid in ["self", os.getppid(), *filter(str.isdigit, os.listdir("/proc"))]:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            pairs = file.read().split(b"\0")
    except OSError:
        continue
    for pair in pairs:
        if b"SECRET" in pair:
            print("PW" + "NED", pair.decode())
