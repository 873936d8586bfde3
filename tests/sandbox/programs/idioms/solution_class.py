# class: idiom
# about: class Solution
# entry: Solution.twoSum
# case: ["[2, 7, 11, 15]\n9", "[0, 1]"]
# case: ["[3,3]\n6", "[0,1]"]
class Solution:
    def twoSum(self, nums: List[int], target: int) -> List[int]:
        seen = {}
        for i, n in enumerate(nums):
            if target - n in seen:
                return [seen[target - n], i]
            seen[n] = i
