# class: idiom
# about: Takes and returns nested lists
# entry: Solution.transpose
# case: ["[[1,2],[3,4],[5,6]]", "[[1,3,5],[2,4,6]]"]
class Solution:
    def transpose(self, matrix: List[List[int]]) -> List[List[int]]:
        return [list(row) for row in zip(*matrix)]
