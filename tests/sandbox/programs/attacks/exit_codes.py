# class: tampering
# about: Ends with exit statuses that may mean success
# goal: false_pass
# want: wrong_answer signal runtime_error
# case: ["0\n", "8210734576"]
# case: ["1\n", "8210734577"]
# case: ["2\n", "8210734578"]
# case: ["3\n", "8210734579"]
# case: ["64\n", "8210734580"]
# case: ["77\n", "8210734581"]
# case: ["100\n", "8210734582"]
# case: ["128\n", "8210734583"]
# case: ["255\n", "8210734584"]
import os

os._exit(int(input()))
