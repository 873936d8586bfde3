# class: oddity
# about: Raises an exception that raises when printed
# goal: judge_raises
# want: runtime_error
# case: ["1\n", "never"]
class Rude(Exception):
    def __str__(self):
        raise Rude

    __repr__ = __str__


raise Rude
