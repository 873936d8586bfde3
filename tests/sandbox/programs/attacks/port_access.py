# class: escape
# about: Takes the processor's input and output ports
# unproven: needs root
# machine: x86_64
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import ctypes

libc = ctypes.CDLL(None, use_errno=True)
if libc.iopl(3) == 0 or libc.ioperm(0x80, 1, 1) == 0:
    print("PW" + "NED ports")
