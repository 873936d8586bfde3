# class: idiom
# about: Closes its standard input when it has read it
# case: ["4\n", "16"]
import sys

n = int(sys.stdin.read())
sys.stdin.close()
print(n * n)
