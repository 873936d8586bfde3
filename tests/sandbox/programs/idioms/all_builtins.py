# class: idiom
# about: A tour of the builtins
# case: ["10 3\n", "0b1010 0o12 0xa (3, 1) 1 1000"]
a, b = map(int, input().split())
print(bin(a), oct(a), hex(a), divmod(a, b), abs(-1), pow(a, 3))
assert bytearray(b"ab") == b"ab" and bytes(memoryview(b"xyz")[1:]) == b"yz" and complex(1, 2).imag == 2
assert callable(print) and chr(97) == "a" and ord("a") == 97 and ascii("é") == "'\\xe9'" and repr("x") == "'x'"
assert isinstance(1, int) and issubclass(bool, int) and type(1) is int and hash(1) == 1 and id(a) == id(a)
assert getattr("x", "upper")() == "X" and hasattr([], "sort") and dir([]) and vars(type("T", (), {"y": 1}))["y"] == 1
assert eval("1 + 1") == 2 and compile("1", "x", "eval") and format(3.14159, ".2f") == "3.14" and frozenset([1])
assert list(filter(None, [0, 1])) == [1] and list(reversed([1, 2])) == [2, 1] and next(iter([5])) == 5 and round(2.5) == 2
assert any([0, 1]) and all([]) and max([1, 2], key=lambda x: -x) == 1 and sum([[1], [2]], []) == [1, 2]
assert slice(1, 2).stop == 2 and sorted("ba") == ["a", "b"] and list(zip([1], [2], strict=True)) == [(1, 2)]
assert globals()["a"] == 10 and "a" in locals() and object() is not None and __import__("math").pi > 3
exec("c = 5")
assert c == 5 and float("inf") > 0 and int("ff", 16) == 255 and str(1) == "1" and enumerate([]) is not None
