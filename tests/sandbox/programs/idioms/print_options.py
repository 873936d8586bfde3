# class: idiom
# about: print with all its options
# case: ["1 2 3\n", "1-2-3!\n1, 2, 3"]
import sys

numbers = input().split()
print(*numbers, sep="-", end="!\n", flush=True)
print("looking at", numbers, file=sys.stderr)
print(", ".join(numbers), file=sys.stdout)
