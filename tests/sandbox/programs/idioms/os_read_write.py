# class: idiom
# about: Reads and writes with os
# case: ["5 7\n", "12"]
import os

a, b = map(int, os.read(0, 1 << 20).split())
os.write(1, f"{a + b}\n".encode())
