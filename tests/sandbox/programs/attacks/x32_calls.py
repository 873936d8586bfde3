# class: escape
# about: Makes a socket by the x32 numbers, which differ from those that a filter checks
# unproven: kernels may be built without it
# machine: x86_64
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import ctypes

libc = ctypes.CDLL(None, use_errno=True)
for number, arguments in [(41, (2, 1, 0)), (57, ()), (520, (b"/bin/sh", 0, 0))]:
    if libc.syscall(0x40000000 | number, *arguments) >= 0:
        print("PW" + "NED x32", number)
