# class: idiom
# about: Lifts the limit on digits
# case: ["100000\n", "100000"]
import sys

sys.set_int_max_str_digits(0)
print(len(str(10 ** (int(input()) - 1))))
