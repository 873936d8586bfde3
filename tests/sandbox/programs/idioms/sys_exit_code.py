# class: idiom
# about: Answers, then ends with exit status 3
# case: ["3\n", "9"]
import sys

print(int(input()) ** 2)
sys.exit(3)
