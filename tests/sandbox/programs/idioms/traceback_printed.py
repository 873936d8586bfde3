# class: idiom
# case: ["0\n", "inf"]
import traceback

try:
    print(1 / int(input()))
except ZeroDivisionError:
    traceback.print_exc()
    print("inf")
