# class: tampering
# about: Ends with status 0 while the interpreter deletes an object
# goal: false_pass
# want: wrong_answer runtime_error
# case: ["1\n", "never"]
import gc
import os


class Last:
    def __init__(self):
        self.me = self

    def __del__(self):
        os._exit(0)


Last()
gc.collect()
