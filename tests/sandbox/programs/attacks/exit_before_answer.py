# class: tampering
# about: Exits with status 0 before it answers
# goal: false_pass
# want: wrong_answer
# case: ["4\n", "8210734585"]
import sys

sys.exit(0)
