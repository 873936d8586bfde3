# class: persistence
# about: Rewrites its input's file, for the next test to read
# unproven: the weak judge gives no file to write to
# want: wrong_answer runtime_error output_limit
# case: ["first\n", "first"]
# case: ["second\n", "first"]
import os
import sys

given = sys.stdin.read()
print(given.split()[0])
for form in (b"first\n", b"first\n" * 1000):
    try:
        os.ftruncate(0, 0)
        os.pwrite(0, form, 0)
        os.lseek(0, 0, os.SEEK_SET)
    except OSError:
        pass
