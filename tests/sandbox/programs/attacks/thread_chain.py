# class: exhaustion
# about: Every thread starts the next and ends
# goal: hang_judge
# want: time_limit idle_limit runtime_error
# case: ["1\n", "never"]
import threading


def link():
    while True:
        try:
            threading.Thread(target=link).start()
            return
        except BaseException:
            pass


threading.stack_size(64 << 10)
link()
while True:
    pass
