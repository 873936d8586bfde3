# class: escape
# about: Moves itself between scheduling classes, cores and priorities, to starve its neighbours
# goal: forbidden
# want: runtime_error wrong_answer signal
# case: ["1\n", "never"]
import ctypes
import os
import platform

ioprio, attributes = {"x86_64": (251, 314), "aarch64": (30, 274)}[platform.machine()]
libc = ctypes.CDLL(None, use_errno=True)
for change in (
    lambda: os.sched_setaffinity(0, os.sched_getaffinity(0)),
    lambda: os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0)),
    lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(99)),
    lambda: os.setpriority(os.PRIO_PROCESS, 0, -20),
    lambda: os.setpriority(os.PRIO_USER, 0, 5),
    lambda: os.nice(1),
):
    try:
        change()
        print("PW" + "NED scheduling")
    except OSError:
        pass
if libc.syscall(ioprio, 1, 0, 2 << 13 | 7) == 0:
    print("PW" + "NED ioprio")
if libc.syscall(attributes, 0, ctypes.create_string_buffer(bytes([48]), 48), 0) == 0:
    print("PW" + "NED sched_setattr")
