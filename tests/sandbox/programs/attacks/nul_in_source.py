# class: oddity
# about: A source that holds a NUL character
# goal: judge_raises
# want: compile_error
# case: ["1\n", "never"]
print("a@NUL@b")
