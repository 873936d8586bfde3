# class: oddity
# about: Overflows the C stack
# goal: judge_raises
# want: signal runtime_error memory_limit time_limit
# case: ["1\n", "never"]
import sys

sys.setrecursionlimit(2**31 - 1)


class Deep:
    def __getattr__(self, name):
        return getattr(self, name + "x")

    def __repr__(self):
        return repr(self)


repr(Deep())
