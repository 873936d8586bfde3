# class: idiom
# about: Replaces sys.stdin by a StringIO
# case: ["3\n4\n", "7"]
import io
import sys

sys.stdin = io.StringIO(sys.stdin.read())
print(int(input()) + int(sys.stdin.readline()))
