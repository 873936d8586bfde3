# class: idiom
# about: Properties, slots, class methods and operators
# case: ["4\n", "Square 16 4 made 1 Shape(Square)"]
class Shape:
    made = 0
    __slots__ = ("_side",)

    def __init__(self, side):
        self._side = side
        type(self).made += 1

    @property
    def side(self):
        return self._side

    @staticmethod
    def name(thing):
        return type(thing).__name__

    @classmethod
    def count(cls):
        return f"made {cls.made}"

    def __repr__(self):
        return f"Shape({self.name(self)})"


class Square(Shape):
    def __init__(self, side):
        super().__init__(side)

    def area(self):
        return self.side**2


square = Square(int(input()))
delattr(Square, "area") if False else None
print(Shape.name(square), square.area(), square.side, Square.count(), square)
