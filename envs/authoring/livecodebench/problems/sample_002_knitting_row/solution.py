import re

pattern = input().strip()
width = int(input())
unit = "".join(letter * int(count) for count, letter in re.findall(r"(\d+)([a-z])", pattern))
print((unit * (width // len(unit) + 1))[:width])
