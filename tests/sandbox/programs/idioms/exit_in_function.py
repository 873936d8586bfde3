# class: idiom
# about: Ends with exit() in the middle of a function
# case: ["0\n", "zero"]
# case: ["2\n", "half 1.0"]
def answer(text):
    print(text)
    exit(0)


n = int(input())
if n == 0:
    answer("zero")
try:
    answer(f"half {n / 2}")
except Exception:
    print("never")
