# class: tampering
# about: Returns numbers and keys that print as something else
# entry: solve
# unproven: aimed at judges that compare what values print as
# want: wrong_answer bad_return runtime_error
# case: ["4", "[8210734607, 0.5, {\"a\": 1}]"]
class Number(int):
    __repr__ = __str__ = lambda self: "8210734607"


class Fraction(float):
    __repr__ = __str__ = lambda self: "0.5"


class Key(str):
    __str__ = __repr__ = lambda self: "a"
    __hash__ = str.__hash__
    __eq__ = lambda self, other: 1 / 0


def solve(n):
    return [Number(1), Fraction(2), {Key("b"): 1, Key("a"): 1}]
