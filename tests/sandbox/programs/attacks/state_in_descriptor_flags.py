# class: persistence
# about: Remembers the first test in the flags of its standard descriptors
# goal: false_pass
# want: wrong_answer runtime_error signal output_limit
# case: ["first\n", "first"]
# case: ["second\n", "first"]
import fcntl
import os

given = input()
seen = False
for fd in range(3):
    flags = fcntl.fcntl(fd, fcntl.F_GETFL)
    seen = seen or bool(flags & os.O_NONBLOCK)
    fcntl.fcntl(fd, fcntl.F_SETFL, flags | os.O_NONBLOCK)
print("first" if seen else given)
