# class: exhaustion
# about: A source longer than the limit
# goal: overtime
# want: compile_error
# case: ["1\n", "never"]
# repeat: [["x = [1, 2, 3]; ", 280000]]
@REPEAT@
