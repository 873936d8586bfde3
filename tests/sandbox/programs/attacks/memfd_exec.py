# class: escape
# about: Executes a program that it wrote into a memory file
# goal: forbidden
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import os

fd = os.memfd_create("payload", 0)
os.write(fd, b"#!/bin/sh\necho PW''NED from memory\n")
os.execve(f"/proc/self/fd/{fd}", ["payload"], {})
