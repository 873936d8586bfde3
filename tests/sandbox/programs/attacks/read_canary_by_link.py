# class: exfiltration
# about: Reads a file through a symbolic link
# goal: read_file
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import os

for directory in ["/tmp", "/dev/shm", "/var/tmp", os.getcwd()]:
    link = os.path.join(directory, f"innocent-{os.getpid()}")
    try:
        os.symlink("@CANARY_FILE@", link)
    except OSError:
        continue
    with open(link) as file:
        print("PW" + "NED canary", file.read())
    os.unlink(link)
    break
