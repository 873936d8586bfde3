# class: idiom
# about: A tour of typing
# case: ["2 3\n", "(3, 2)"]
import typing as t
from typing import Any, Callable, DefaultDict, Dict, List, NamedTuple, Optional, Tuple, TypeVar, Union

T = TypeVar("T")


class Pair(NamedTuple):
    left: int
    right: Optional[int] = None


def swap(pair: Pair) -> Tuple[int, ...]:
    table: Dict[str, List[int]] = {"x": [pair.right, pair.left]}
    return t.cast(tuple, tuple(table["x"]))


print(swap(Pair(*map(int, input().split()))))
