# class: idiom
# about: Bytes that are not UTF-8 before its answer's line
# case: ["5\n", "\ufffd\ufffd\n25"]
import sys

sys.stdout.buffer.write(b"\xff\xfe\n")
sys.stdout.buffer.flush()
print(int(input()) ** 2)
