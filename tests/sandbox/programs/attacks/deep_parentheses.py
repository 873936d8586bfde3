# class: oddity
# about: A source with thousands of parentheses
# goal: judge_raises
# want: compile_error
# case: ["1\n", "never"]
# repeat: [["(", 5000], ["1", 1], [")", 5000]]
print(@REPEAT@)
