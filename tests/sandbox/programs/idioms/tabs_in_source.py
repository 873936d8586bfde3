# class: idiom
# about: Indentation by tabs
# case: ["4\n", "even 16"]
n = int(input())
if n % 2 == 0:
	for _ in range(1):
		print("even", n * n)
else:
	print("odd")
