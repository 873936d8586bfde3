# class: idiom
# about: Multiplies numpy matrices
# case: ["2\n1 2\n3 4\n", "[[7, 10], [15, 22]] -2.0 10"]
import sys

import numpy as np

n = int(input())
matrix = np.array([list(map(int, input().split())) for _ in range(n)], dtype=np.int64)
print((matrix @ matrix).tolist(), round(float(np.linalg.det(matrix)), 6), matrix.sum())
