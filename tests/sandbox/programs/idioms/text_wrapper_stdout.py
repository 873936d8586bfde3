# class: idiom
# about: Wraps its streams anew
# case: ["3\n", "naïve 3"]
import io
import sys

sys.stdout = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", line_buffering=True)
sys.stdin = io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8")
print("naïve", input())
