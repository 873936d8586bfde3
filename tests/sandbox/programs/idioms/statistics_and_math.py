# class: idiom
# about: A tour of statistics and math
# case: ["1 2 3 4\n", "2.5 2.5 6 24 3 5 True 1.118"]
import cmath
import math
import statistics
from math import *

numbers = list(map(int, input().split()))
print(statistics.mean(numbers), statistics.median(numbers), comb(4, 2), factorial(4), math.gcd(6, 9), isqrt(30), isclose(pi, 3.14159265358979), end=" ")
print(f"{statistics.pstdev(numbers):.3f}")
assert cmath.sqrt(-1) == 1j and lcm(4, 6) == 12 and prod([2, 3]) == 6 and inf > 1 and perm(3) == 6
