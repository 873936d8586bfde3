# class: escape
# about: Opens performance counters
# goal: forbidden
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import ctypes
import platform
import struct

number = {"x86_64": 298, "aarch64": 241}[platform.machine()]
attributes = ctypes.create_string_buffer(struct.pack("=IIQQQQQ", 1, 112, 1, 0, 0, 0, 0b1100001), 112)
if ctypes.CDLL(None, use_errno=True).syscall(number, attributes, 0, -1, -1, 0) >= 0:
    print("PW" + "NED perf events")
