# class: tampering
# about: Deletes every builtin
# goal: judge_raises
# want: wrong_answer runtime_error
# case: ["1\n", "never"]
import builtins

builtins.__dict__.clear()
