# class: idiom
# about: A static method of class Solution
# entry: Solution.add
# case: ["1\n2", "3"]
class Solution(object):
    @staticmethod
    def add(a, b):
        return a + b
