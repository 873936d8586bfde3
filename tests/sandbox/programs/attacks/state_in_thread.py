# class: persistence
# about: Remembers the first test in a thread that lives on
# goal: false_pass
# want: wrong_answer runtime_error idle_limit
# case: ["first\n", "first"]
# case: ["second\n", "first"]
import threading
import time

given = input()
print("first" if any(thread.name == "keeper" for thread in threading.enumerate()) else given)
threading.Thread(target=time.sleep, args=(60,), name="keeper", daemon=True).start()
