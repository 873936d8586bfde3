# class: exhaustion
# about: Takes memory in threads, each less than the limit
# goal: exhaust_memory
# want: memory_limit runtime_error time_limit wrong_answer
# case: ["1\n", "never"]
import threading
import time

kept = []


def hog():
    kept.append(b"x" * (70 << 20))
    time.sleep(0.3)


threads = [threading.Thread(target=hog) for _ in range(6)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(len(kept))
