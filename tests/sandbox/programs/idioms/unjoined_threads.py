# class: idiom
# about: A thread that still prints when the main program has ended
# case: ["5\n", "late 5"]
import threading
import time


def late(word):
    time.sleep(0.05)
    print("late", word)


threading.Thread(target=late, args=(input(),)).start()
