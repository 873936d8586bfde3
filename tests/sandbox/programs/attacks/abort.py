# class: oddity
# about: Aborts itself
# goal: judge_raises
# want: signal runtime_error
# case: ["1\n", "never"]
import os

os.abort()
