# class: persistence
# about: Remembers the first test in POSIX shared memory
# goal: false_pass
# want: wrong_answer runtime_error
# case: ["first\n", "first"]
# case: ["second\n", "first"]
import _posixshmem
import mmap
import os

given = input()
try:
    fd = _posixshmem.shm_open("/seen", os.O_RDWR | os.O_CREAT, mode=0o666)
    os.ftruncate(fd, 100)
    memory = mmap.mmap(fd, 100)
    if not memory[0]:
        memory[: len(given)] = given.encode()
    print(memory[:].rstrip(b"\0").decode())
except OSError:
    print(given)
