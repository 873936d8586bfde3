# class: tampering
# about: Puts its output in the place of its result
# entry: solve
# unproven: aimed at this sandbox's own result file
# want: bad_return runtime_error wrong_answer
# case: ["4", "8210734601"]
import os


def solve(n):
    os.write(1, b'V"something"')
    os.dup2(1, 3)
    os.close(0)
    return 8210734602
