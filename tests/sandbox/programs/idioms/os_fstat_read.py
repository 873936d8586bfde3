# class: idiom
# about: Asks fstat for the size of its input
# case: ["5 7\n", "12"]
# A popular fast reader: the size of the input from fstat.
import io
import os

data = io.BytesIO(os.read(0, max(os.fstat(0).st_size, 8192)))
print(sum(map(int, data.readline().split())))
