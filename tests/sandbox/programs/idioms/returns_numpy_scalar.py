# class: idiom
# about: Returns a numpy scalar
# entry: solve
# case: ["[1, 2, 3]", "6"]
import numpy as np


def solve(numbers):
    return np.array(numbers).sum()
