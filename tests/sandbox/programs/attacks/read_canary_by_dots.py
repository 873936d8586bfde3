# class: exfiltration
# about: Reads a file by .. from every directory that it can open
# goal: read_file
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
# By way of every directory that the program already has or can open.
import os

relative = "../" * 30 + "@CANARY_FILE@".lstrip("/")
for base in [os.getcwd(), os.path.dirname(os.__file__), "/tmp", "/dev/shm", "/usr"]:
    try:
        directory = os.open(base, os.O_RDONLY | os.O_DIRECTORY)
        fd = os.open(relative, os.O_RDONLY, dir_fd=directory)
        print("PW" + "NED canary", os.read(fd, 1000).decode())
    except OSError:
        pass
