# class: idiom
# about: The function computes in a thread with a big stack
# entry: solve
# case: ["30000", "30000"]
import sys
import threading

threading.stack_size(256 << 20)
sys.setrecursionlimit(10**6)


def solve(n):
    result = []

    def depth(k):
        return k and 1 + depth(k - 1)

    thread = threading.Thread(target=lambda: result.append(depth(n)))
    thread.start()
    thread.join()
    return result[0]
