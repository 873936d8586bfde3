# class: oddity
# about: Raises an exception whose class raises when asked for its name
# goal: judge_raises
# want: runtime_error
# case: ["1\n", "never"]
class Meta(type):
    @property
    def __name__(cls):
        raise RuntimeError("no name")

    @property
    def __module__(cls):
        raise RuntimeError("no module")


class Rude(Exception, metaclass=Meta):
    @property
    def __traceback__(self):
        raise RuntimeError("no traceback")


raise Rude
