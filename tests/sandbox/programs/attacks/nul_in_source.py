# class: oddity
# goal: judge_raises
# want: compile_error
# case: ["1\n", "never"]
print("a@NUL@b")
