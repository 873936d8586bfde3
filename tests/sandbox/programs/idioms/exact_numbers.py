# class: idiom
# about: Decimals and fractions
# case: ["0.1 0.2\n", "0.3\n3/10\n2\n0.3333333333333333333333333333"]
from decimal import ROUND_HALF_EVEN, Decimal, getcontext
from fractions import Fraction

a, b = input().split()
print(Decimal(a) + Decimal(b))
print(Fraction(a) + Fraction(b))
print(Decimal("2.5").quantize(Decimal("1"), rounding=ROUND_HALF_EVEN))
getcontext().prec = 28
print(Decimal(1) / 3)
