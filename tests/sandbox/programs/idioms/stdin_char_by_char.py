# class: idiom
# about: Reads one character at a time
# case: ["12+30\n", "42"]
import sys

text = ""
while (char := sys.stdin.read(1)) not in ("\n", ""):
    text += char
print(sum(map(int, text.split("+"))))
