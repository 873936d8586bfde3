# class: idiom
# about: Reads into numpy
# case: ["5\n3 1 2 5 4\n", "[1 2 3 4 5]\n15 [ 3  4  6 11 15]\n3.0"]
import sys

import numpy

numbers = numpy.array(sys.stdin.buffer.read().split(), numpy.int64)[1:]
print(numpy.sort(numbers))
print(numbers.sum(), numpy.cumsum(numbers))
print(numpy.median(numbers))
