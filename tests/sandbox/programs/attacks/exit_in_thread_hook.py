# class: tampering
# about: Ends with status 0 in the hook for exceptions of threads
# goal: false_pass
# want: wrong_answer runtime_error
# case: ["1\n", "never"]
import os
import sys
import threading

threading.excepthook = sys.excepthook = sys.unraisablehook = lambda *args: os._exit(0)
thread = threading.Thread(target=lambda: 1 / 0)
thread.start()
thread.join()
