# class: idiom
# about: Sorted lists, dictionaries and sets
# case: ["3 1 2\n", "[1, 2, 3] 1 {1: 'a', 2: 'b'} 1"]
from sortedcontainers import SortedDict, SortedList, SortedSet

numbers = SortedList(map(int, input().split()))
print(list(numbers), numbers.bisect_left(2), dict(SortedDict({2: "b", 1: "a"})), SortedSet([2, 1])[0])
