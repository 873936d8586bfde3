# class: tampering
# about: Ends with status 0 in a finalizer that runs at exit
# goal: false_pass
# want: wrong_answer runtime_error
# case: ["1\n", "never"]
import os
import weakref


class Kept:
    pass


kept = Kept()
weakref.finalize(kept, os._exit, 0)
