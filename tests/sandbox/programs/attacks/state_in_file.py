# class: persistence
# about: Remembers the first test in a file
# goal: false_pass
# want: wrong_answer runtime_error
# case: ["first\n", "first"]
# case: ["second\n", "first"]
import os

given = input()
for place in ("/tmp/seen", "/dev/shm/seen", "/var/tmp/seen", "seen"):
    try:
        fd = os.open(place, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError:
        continue
    text = os.read(fd, 100).decode()
    os.write(fd, given.encode())
    print(text or given)
    break
else:
    print(given)
