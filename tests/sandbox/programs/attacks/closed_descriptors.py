# class: oddity
# about: Closes every descriptor
# goal: judge_raises
# want: wrong_answer runtime_error signal
# case: ["4\n", "8210734592"]
import os

os.closerange(0, 4096)
