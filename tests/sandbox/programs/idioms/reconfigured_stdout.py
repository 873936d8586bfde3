# class: idiom
# about: Reconfigures standard output
# case: ["3\n", "3"]
import sys

sys.stdout.reconfigure(encoding="utf-8", write_through=True)
print(sys.stdin.fileno() + int(input()) + sys.stdout.fileno() - 1)
assert not sys.stdin.isatty()
