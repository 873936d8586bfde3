# class: idiom
# about: pow and sum are the builtins again after star imports
# case: ["3 -1 7\n", "5 6 False"]
from math import *
from operator import *
from random import *
from builtins import *

a, b, m = map(int, input().split())
print(pow(a, b, m), sum([1, 2, 3]), not abs(0) == 0)
