# class: tampering
# about: Writes every kind of result, and garbage, into its result file
# entry: solve
# unproven: aimed at this sandbox's own result file
# want: wrong_answer runtime_error bad_return memory_limit
# case: ["0", "8210734604"]
# case: ["1", "8210734604"]
# case: ["2", "8210734604"]
# case: ["3", "8210734604"]
# case: ["4", "8210734604"]
# case: ["5", "8210734604"]
# case: ["6", "8210734604"]
# case: ["7", "8210734604"]
import os

FORMS = [
    b"V",
    b"V" + b"[" * 100000,
    b"V\xff\xfe",
    b'VNaN',
    b'E["Error", {"a": 1}, [[-1, null]]]',
    b'B["\\ud800", 5]',
    b"N" + b"x" * 100000,
    b"Zsomething",
]


def solve(n):
    os.pwrite(3, FORMS[n], 0)
    os._exit(0)
