# class: oddity
# about: Prints a wrong answer that is not UTF-8
# goal: judge_raises
# want: wrong_answer
# case: ["1\n", "never"]
import sys

sys.stdout.buffer.write(b"\xff\xfe\x80 1\n")
