# class: idiom
# about: Ends with a daemon thread that still sleeps
# case: ["4\n", "16"]
import threading
import time

threading.Thread(target=lambda: time.sleep(100), daemon=True).start()
print(int(input()) ** 2)
