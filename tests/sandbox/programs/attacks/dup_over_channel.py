# class: tampering
# about: Puts a pipe of its own in the place of every descriptor, the result's among them
# goal: false_pass
# want: wrong_answer runtime_error
# case: ["1\n", "never"]
import os

reader, writer = os.pipe()
for fd in range(3, 64):
    if fd not in (reader, writer):
        os.dup2(writer, fd)
os._exit(0)
