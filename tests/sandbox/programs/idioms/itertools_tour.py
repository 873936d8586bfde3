# class: idiom
# about: A tour of itertools
# case: ["abc\n", "abc acb bac bca cab cba\n3 6 [(0, 'a'), (1, 'b')]\n[1, 3, 6] ['a1', 'b2']"]
import itertools
from itertools import *

word = input()
print(*("".join(p) for p in permutations(word)))
print(len(list(combinations(word, 2))), len(list(combinations_with_replacement(word, 2))), list(zip(count(), word[:2])))
print(list(accumulate([1, 2, 3])), [a + b for a, b in zip(chain("a", "b"), cycle("12"))])
assert [len(list(g)) for _, g in groupby("aab")] == [2, 1] and list(pairwise("ab")) == [("a", "b")]
assert list(islice(itertools.product("ab", repeat=2), 2)) == [("a", "a"), ("a", "b")]
