# class: idiom
# about: Annotations that name a class not yet defined
# entry: Solution.solve
# case: ["[1,null,2]", "3"]
from __future__ import annotations


class TreeNode:
    def __init__(self, value: int, right: TreeNode | None = None) -> None:
        self.value = value
        self.right = right


class Solution:
    def solve(self, values: list[Optional[int]]) -> int:
        root = TreeNode(values[0], TreeNode(values[2]))
        return root.value + root.right.value
