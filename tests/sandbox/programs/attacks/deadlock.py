# class: exhaustion
# about: Waits for a lock that nobody releases, whatever is raised
# goal: overtime
# want: idle_limit
# case: ["1\n", "never"]
import threading

lock = threading.Lock()
lock.acquire()
while True:
    try:
        lock.acquire()
    except Exception:
        pass
