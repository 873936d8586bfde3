# class: idiom
# about: Data classes and enumerations
# case: ["2 3\n", "Point(x=2, y=3) Color.RED 1 True"]
from dataclasses import dataclass, field
from enum import Enum, IntEnum, auto


class Color(Enum):
    RED = auto()


class Level(IntEnum):
    LOW = 1


@dataclass(order=True, frozen=True)
class Point:
    x: int
    y: int
    tags: list = field(default_factory=list, compare=False, repr=False)


point = Point(*map(int, input().split()))
print(point, Color.RED, Level.LOW.value, Point(1, 9) < point)
