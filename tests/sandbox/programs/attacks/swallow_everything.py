# class: exhaustion
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
