# class: idiom
# about: Returns a text and numbers of classes of its own
# entry: solve
# case: ["3", "[\"abc\", 3, 1.5]"]
from enum import IntEnum


class Word(str):
    pass


class Level(IntEnum):
    HIGH = 3


class Share(float):
    pass


def solve(n):
    return [Word("abc"), Level(n), Share(1.5)]
