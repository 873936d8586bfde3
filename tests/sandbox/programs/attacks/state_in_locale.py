# class: persistence
# about: Remembers the first test in the C library's environment
# goal: false_pass
# want: wrong_answer runtime_error
# case: ["first\n", "first"]
# case: ["second\n", "first"]
import ctypes

given = input()
libc = ctypes.CDLL(None)
libc.getenv.restype = ctypes.c_char_p
print("first" if libc.getenv(b"SDPO_LEFT") else given)
libc.setenv(b"SDPO_LEFT", b"1", 1)
