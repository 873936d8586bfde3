# class: idiom
# about: Integers of up to 50,000 digits as text, as the evaluation allows
# case: ["20000\n", "20000 6021 30000"]
n = int(input())
print(len(str(10 ** (n - 1))), len(str(2**n)), len(str(int("9" * 30000))))
