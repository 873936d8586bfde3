# class: idiom
# about: As much output as the limit allows
# case: ["7\n", "7"]
import sys

n = int(input())
sys.stdout.write(" " * ((16 << 20) - 4096))
print(n)
