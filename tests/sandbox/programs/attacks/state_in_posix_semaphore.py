# class: persistence
# about: Remembers the first test in a named POSIX semaphore
# goal: false_pass
# want: wrong_answer runtime_error
# case: ["first\n", "first"]
# case: ["second\n", "first"]
import _multiprocessing

given = input()
try:
    _multiprocessing.SemLock(1, 1, 1, "/sdpo-left", False)
    print(given)
except FileExistsError:
    print("first")
except OSError:
    print(given)
