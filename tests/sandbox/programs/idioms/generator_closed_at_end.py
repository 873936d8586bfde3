# class: idiom
# about: Leaves a with block and a finally clause by an exit
# case: ["4\n", "16\nclosed\nlast"]
import sys
from contextlib import contextmanager


@contextmanager
def closing():
    try:
        yield
    finally:
        print("closed")


try:
    with closing():
        print(int(input()) ** 2)
        sys.exit(0)
finally:
    print("last")
