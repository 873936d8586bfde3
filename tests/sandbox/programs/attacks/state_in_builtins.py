# class: persistence
# about: Remembers the first test in builtins
# entry: solve
# goal: false_pass
# want: wrong_answer runtime_error
# case: ["\"first\"", "\"first\""]
# case: ["\"second\"", "\"first\""]
import builtins


def solve(word):
    if not hasattr(builtins, "seen"):
        builtins.seen = word
    return builtins.seen
