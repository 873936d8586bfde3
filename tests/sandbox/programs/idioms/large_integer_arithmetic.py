# class: idiom
# about: Integers of a hundred thousand digits, of which it prints a few
# case: ["100000\n", "332193 5"]
n = int(input())
power = 10**n
print(power.bit_length(), pow(power + 5, 1, 10), sep=" ")
