# class: idiom
# about: A tour of collections
# case: ["banana\n", "[('a', 3), ('n', 2)] [0, 1, 2] {'x': [1]} ab"]
from collections import ChainMap, Counter, OrderedDict, defaultdict, deque, namedtuple

letters = Counter(input())
queue = deque([1, 2], maxlen=3)
queue.appendleft(0)
table = defaultdict(list)
table["x"].append(1)
Pair = namedtuple("Pair", "left right")
print(letters.most_common(2), list(queue), dict(table), "".join(OrderedDict(a=1, b=2)))
assert Pair(1, 2)._replace(left=3).left == 3 and ChainMap({"a": 1}, {"a": 2})["a"] == 1
