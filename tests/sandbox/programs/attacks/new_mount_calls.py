# class: escape
# about: Reaches for mounts through the newer calls
# goal: forbidden
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)
for number, arguments in [(428, (-100, b"/", 0)), (428, (-100, b"/", 1)), (430, (b"tmpfs", 0)), (433, (-100, b"/", 0)), (442, (-100, b"/", 0, 0, 0))]:
    if libc.syscall(number, *arguments) >= 0:
        print("PW" + "NED mount call", number)
