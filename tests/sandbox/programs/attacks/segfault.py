# class: oddity
# about: Reads address 0
# goal: judge_raises
# want: signal runtime_error
# case: ["1\n", "never"]
import ctypes

ctypes.string_at(0)
