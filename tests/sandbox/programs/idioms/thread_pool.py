# class: idiom
# about: A thread pool
# case: ["4\n", "[0, 1, 4, 9] 1"]
import queue
import threading
from concurrent.futures import ThreadPoolExecutor

with ThreadPoolExecutor(max_workers=3) as executor:
    squares = list(executor.map(lambda n: n * n, range(int(input()))))
inbox = queue.Queue()
worker = threading.Thread(target=inbox.put, args=(1,), daemon=True)
worker.start()
print(squares, inbox.get(timeout=2))
