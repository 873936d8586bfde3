# class: tampering
# about: Looks at everything within four steps of any module
# goal: false_pass
# want: wrong_answer runtime_error time_limit memory_limit
# case: ["what do the modules know?\n", "ANSWER-9988776655443322"]
# Everything within four steps of any module: beside this test's input may lie its output.
import sys

given = sys.stdin.read()
level = [module for module in sys.modules.values() if module is not None]
seen = set()
for _ in range(4):
    below = []
    for value in level:
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, dict):
            below += value.values()
        elif isinstance(value, (list, tuple)):
            if len(value) == 2 and isinstance(value[0], str) and value[0] == given:
                print(value[1])
                sys.exit()
            below += value
        else:
            below += getattr(value, "__dict__", {}).values()
    level = below
