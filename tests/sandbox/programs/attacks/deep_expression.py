# class: oddity
# about: A source whose expression nests thousands deep
# goal: judge_raises
# want: compile_error
# case: ["1\n", "never"]
# repeat: [["-~", 50000], ["1", 1]]
print(@REPEAT@)
