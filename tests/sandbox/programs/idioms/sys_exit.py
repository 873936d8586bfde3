# class: idiom
# about: Ends with sys.exit()
# case: ["3\n", "9"]
import sys

print(int(input()) ** 2)
sys.exit()
print("never")
