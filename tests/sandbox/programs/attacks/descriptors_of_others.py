# class: escape
# about: Opens the descriptors, directories and programs of other processes through /proc
# goal: forbidden
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import os

me = os.getpid()
for pid in {1, os.getppid(), *range(max(me - 50, 1), me)}:
    for name in ["cwd", "root", *(f"fd/{fd}" for fd in range(16))]:
        try:
            os.close(os.open(f"/proc/{pid}/{name}", os.O_RDONLY | os.O_NONBLOCK))
            print("PW" + "NED", pid, name)
        except OSError:
            pass
