# class: oddity
# about: Closes standard output
# goal: judge_raises
# want: wrong_answer runtime_error
# case: ["4\n", "8210734591"]
import sys

sys.stdout.close()
