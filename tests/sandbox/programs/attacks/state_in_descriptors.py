# class: persistence
# about: Remembers the first test far behind the end of whatever file it was left open
# goal: false_pass
# want: wrong_answer runtime_error signal
# case: ["first\n", "first"]
# case: ["second\n", "first"]
# Far behind the end of whatever file it was left open; also asks each whether an earlier test set its flags.
import os
import sys

given = sys.stdin.readline().strip()
found = given
for fd in range(16):
    try:
        text = os.pread(fd, 5, 1 << 16).rstrip(b"\0").decode()
        if text == "first":
            found = text
        else:
            os.pwrite(fd, given[:5].encode(), 1 << 16)
    except (OSError, UnicodeDecodeError):
        pass
sys.stdout.write(found + "\n")
