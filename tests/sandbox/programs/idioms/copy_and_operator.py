# class: idiom
# about: Copies and operators
# case: ["3 4 5\n", "1 [[1], [2]] [[9], [2]] [(2, 'a'), (1, 'b')]"]
import copy
import operator
from operator import itemgetter

a, b, m = map(int, input().split())
rows = [[1], [2]]
deep = copy.deepcopy(rows)
shallow = copy.copy(rows)
rows[0][0] = 9
print(pow(a, b, m), deep, shallow, sorted([(1, "b"), (2, "a")], key=itemgetter(1)))
assert operator.xor(1, 3) == 2 and operator.attrgetter("real")(3) == 3
