# class: idiom
# about: Prints a traceback and goes on
# case: ["0\n", "inf"]
import traceback

try:
    print(1 / int(input()))
except ZeroDivisionError:
    traceback.print_exc()
    print("inf")
