# class: exhaustion
# about: Recurses on a thread's stack that is larger than the memory limit
# goal: exhaust_memory
# want: memory_limit runtime_error time_limit
# case: ["4\n", "never"]
import sys
import threading

sys.setrecursionlimit(10**9)
threading.stack_size(420 << 20)


class Deep:
    def __init__(self, depth):
        self.depth = depth

    def __lt__(self, other):
        return sorted([Deep(self.depth + 1), Deep(self.depth + 1)])[0].depth if self.depth < 10**7 else True


def dive():
    print(sorted([Deep(0), Deep(0)])[0].depth)


thread = threading.Thread(target=dive)
thread.start()
thread.join()
