# class: tampering
# about: Reads the expected output with inspect.stack
# goal: false_pass
# want: wrong_answer runtime_error
# case: ["4\n", "ANSWER-dd33cc22bb11aa00"]
import inspect

for level in inspect.stack(context=0):
    text = level.frame.f_locals.get("expected")
    if isinstance(text, str):
        print(text)
        break
