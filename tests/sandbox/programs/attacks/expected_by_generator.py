# class: tampering
# about: Climbs to its callers' frames from a generator's
# goal: false_pass
# want: wrong_answer runtime_error
# case: ["4\n", "ANSWER-aa00bb11cc22dd33"]


def climb():
    yield generator.gi_frame.f_back


generator = climb()
frame = next(generator)
while frame is not None:
    if isinstance(frame.f_locals.get("expected"), str):
        print(frame.f_locals["expected"])
        break
    frame = frame.f_back
