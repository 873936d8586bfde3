# class: tampering
# about: Reports an exception whose lines and names are absurd
# unproven: aimed at this sandbox's own result file
# want: wrong_answer runtime_error
# case: ["0\n", "8210734605"]
# case: ["1\n", "8210734605"]
# case: ["2\n", "8210734605"]
import os

FORMS = [
    b'E["' + b"A" * 60000 + b'", "message", [[99999999999999999999, "x"]]]',
    b'E["Error", "message", ' + b"[" * 5000 + b"]" * 5000 + b"]",
    b'E["Error", "\\u001b[2J\\u0000\\ud800", [["7", 7], [null, null], [1.5, true]]]',
]
os.pwrite(3, FORMS[int(input())], 0)
os._exit(1)
