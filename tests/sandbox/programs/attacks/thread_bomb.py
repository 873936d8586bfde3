# class: exhaustion
# about: Starts threads without end
# goal: exhaust_threads
# want: runtime_error memory_limit idle_limit time_limit
# case: ["1\n", "never"]
import threading
import time

threading.stack_size(64 << 10)
while True:
    try:
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    except RuntimeError:
        time.sleep(1)
