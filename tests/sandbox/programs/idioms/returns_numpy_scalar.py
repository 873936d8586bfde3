# class: idiom
# entry: solve
# case: ["[1, 2, 3]", "6"]
import numpy as np


def solve(numbers):
    return np.array(numbers).sum()
