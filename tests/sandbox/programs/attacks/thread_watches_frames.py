# class: tampering
# about: A thread that walks the main thread's frames and replaces what compares
# goal: false_pass
# want: wrong_answer runtime_error
# case: ["1\n", "never"]
import sys
import threading


def watch():
    frame = sys._current_frames()[threading.main_thread().ident]
    while frame is not None:
        for name in list(frame.f_globals):
            if name.startswith(("same", "compare")):
                frame.f_globals[name] = lambda *args: True
        frame = frame.f_back


thread = threading.Thread(target=watch)
thread.start()
thread.join()
print("something else")
