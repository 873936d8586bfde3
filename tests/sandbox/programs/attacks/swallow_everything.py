# class: exhaustion
# about: Spins and swallows every exception, a judge's alarm too
# goal: overtime
# want: time_limit
# case: ["1\n", "never"]
def loop():
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass


loop()
