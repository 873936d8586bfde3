# class: escape
# about: Kills every process near its own number, by three different calls
# goal: kill_judge
# want: runtime_error wrong_answer signal idle_limit time_limit
# case: ["1\n", "never"]
# Every other process by number, the nearest first, by kill, tgkill and rt_sigqueueinfo.
import ctypes
import os
import platform
import signal

tgkill, queue = {"x86_64": (234, 129), "aarch64": (131, 138)}[platform.machine()]
libc = ctypes.CDLL(None, use_errno=True)
me = os.getpid()
for pid in [os.getppid(), *range(me - 1, max(me - 300, 0), -1)]:
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGABRT):
        libc.kill(pid, number)
        libc.syscall(tgkill, pid, pid, number)
        libc.syscall(queue, pid, number, ctypes.create_string_buffer(128))
