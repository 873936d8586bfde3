# class: tampering
# about: Asks the garbage collector for what holds this test's input: its output may lie beside it
# goal: false_pass
# want: wrong_answer runtime_error time_limit
# case: ["what does the judge want?\n", "ANSWER-4f5e6d7c8b9a0123"]
import gc
import sys

given = sys.stdin.read()
for holder in gc.get_objects():
    if isinstance(holder, (tuple, list)) and len(holder) == 2 and isinstance(holder[0], str) and holder[0] == given:
        print(holder[1])
        break
