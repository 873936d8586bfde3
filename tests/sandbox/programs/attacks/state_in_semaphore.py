# class: persistence
# about: Remembers the first test in a System V semaphore
# goal: false_pass
# want: wrong_answer runtime_error
# case: ["first\n", "first"]
# case: ["second\n", "first"]
import ctypes
import platform

get, control = {"x86_64": (64, 66), "aarch64": (190, 191)}[platform.machine()]
given = input()
libc = ctypes.CDLL(None, use_errno=True)
semaphore = libc.syscall(get, 0x5D92, 1, 0o1666)
print("first" if semaphore >= 0 and libc.syscall(control, semaphore, 0, 12, 0) == 7 else given)
libc.syscall(control, semaphore, 0, 16, 7)
