# class: idiom
# about: Prints nan, infinities and both zeros
# case: ["0\n", "nan inf -inf -0.0 0.0 True"]
zero = float(input())
nan = float("inf") - float("inf")
print(nan, float("inf"), -float("inf"), -zero, zero, nan != nan)
