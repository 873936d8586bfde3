# class: idiom
# about: Catches its own exceptions by type
# case: ["x\n", "ValueError ZeroDivisionError KeyError done"]
seen = []
for attempt in (lambda: int(input()), lambda: 1 // 0, lambda: {}["a"]):
    try:
        attempt()
    except Exception as error:
        seen.append(type(error).__name__)
    finally:
        pass
try:
    raise ExceptionGroup("two", [ValueError(1), KeyError(2)])
except* ValueError:
    pass
except* (KeyError, LookupError):
    seen.append("done")
print(*seen)
