# class: idiom
# about: Reads with fileinput
# case: ["1\n2\n3\n", "6"]
import fileinput

print(sum(int(line) for line in fileinput.input()))
