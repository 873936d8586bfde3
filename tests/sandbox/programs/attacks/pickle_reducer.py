# class: tampering
# about: Returns an object that runs code where it is unpickled
# entry: solve
# goal: pickle_exec
# want: bad_return wrong_answer runtime_error
# case: ["4", "8210734594"]
class Trap(list):
    def __reduce__(self):
        return exec, ("import os; open('@MARKER@', 'w').write(str(os.getpid()))",)


def solve(n):
    return Trap([1])
