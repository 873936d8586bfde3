# class: persistence
# about: Remembers the first test in the user's keyring
# goal: false_pass
# want: wrong_answer runtime_error signal
# case: ["first\n", "first"]
# case: ["second\n", "first"]
import ctypes
import platform

add, control = {"x86_64": (248, 250), "aarch64": (217, 219)}[platform.machine()]
given = input()
libc = ctypes.CDLL(None, use_errno=True)
user_keyring = -4
key = libc.syscall(control, 10, user_keyring, b"user", b"seen", 0)  # KEYCTL_SEARCH
buffer = ctypes.create_string_buffer(100)
if key >= 0 and libc.syscall(control, 11, key, buffer, 100) > 0:  # KEYCTL_READ
    print(buffer.value.decode())
else:
    print(given)
    libc.syscall(add, b"user", b"seen", given.encode(), len(given), user_keyring)
