# class: persistence
# about: Remembers the first test in the name of an abstract socket
# goal: false_pass
# want: wrong_answer runtime_error
# case: ["first\n", "first"]
# case: ["second\n", "first"]
import socket
import sys

given = input()
try:
    holder = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    holder.bind("\0sdpo-left-state")
    sys.keep = holder
    print(given)
except OSError as error:
    print("first" if error.errno == 98 else given)
