"""The two seccomp filters, assembled here and loaded on the far side.

The base filter is an allowlist for the zygote and everything below it; the test filter is a short list of what a test
process must not do beyond that (make processes, send signals, raise limits). Two layers, because loading a long filter
costs more than a test's fork: the long one is loaded once, the short one once a test.
"""

from __future__ import annotations

import errno
import platform
import struct
from collections.abc import Sequence
from typing import NamedTuple

# name: (x86-64, aarch64) from the kernel's unistd.h; None where the architecture has no such call
_NUMBERS: dict[str, tuple[int | None, int | None]] = {
    "read": (0, 63),
    "write": (1, 64),
    "readv": (19, 65),
    "writev": (20, 66),
    "pread64": (17, 67),
    "pwrite64": (18, 68),
    "preadv": (295, 69),
    "preadv2": (327, 286),
    "pwritev2": (328, 287),
    "pwritev": (296, 70),
    "lseek": (8, 62),
    "close": (3, 57),
    "close_range": (436, 436),
    "fstat": (5, 80),
    "newfstatat": (262, 79),
    "stat": (4, None),
    "lstat": (6, None),
    "statx": (332, 291),
    "open": (2, None),
    "openat": (257, 56),
    "access": (21, None),
    "faccessat": (269, 48),
    "faccessat2": (439, 439),
    "readlink": (89, None),
    "readlinkat": (267, 78),
    "getcwd": (79, 17),
    "getdents64": (217, 61),
    "statfs": (137, 43),
    "fstatfs": (138, 44),
    "ftruncate": (77, 46),
    "umask": (95, 166),
    "dup": (32, 23),
    "dup2": (33, None),
    "dup3": (292, 24),
    "pipe": (22, None),
    "pipe2": (293, 59),
    "poll": (7, None),
    "ppoll": (271, 73),
    "select": (23, None),
    "pselect6": (270, 72),
    "epoll_create": (213, None),
    "epoll_create1": (291, 20),
    "epoll_ctl": (233, 21),
    "epoll_wait": (232, None),
    "epoll_pwait": (281, 22),
    "epoll_pwait2": (441, 441),
    "eventfd2": (290, 19),
    "mmap": (9, 222),
    "mprotect": (10, 226),
    "munmap": (11, 215),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "msync": (26, 227),
    "brk": (12, 214),
    "membarrier": (324, 283),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "rt_sigsuspend": (130, 133),
    "rt_sigpending": (127, 136),
    "rt_sigtimedwait": (128, 137),
    "sigaltstack": (131, 132),
    "pause": (34, None),
    "futex": (202, 98),
    "futex_waitv": (449, 449),
    "set_robust_list": (273, 99),
    "get_robust_list": (274, 100),
    "rseq": (334, 293),
    "set_tid_address": (218, 96),
    "exit": (60, 93),
    "exit_group": (231, 94),
    "restart_syscall": (219, 128),
    "getpid": (39, 172),
    "gettid": (186, 178),
    "getppid": (110, 173),
    "getpgid": (121, 155),
    "getpgrp": (111, None),
    "getsid": (124, 156),
    "getuid": (102, 174),
    "geteuid": (107, 175),
    "getgid": (104, 176),
    "getegid": (108, 177),
    "getgroups": (115, 158),
    "getresuid": (118, 148),
    "getresgid": (120, 150),
    "capget": (125, 90),
    "getrandom": (318, 278),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "clock_nanosleep": (230, 115),
    "nanosleep": (35, 101),
    "gettimeofday": (96, 169),
    "time": (201, None),
    "times": (100, 153),
    "getrusage": (98, 165),
    "sysinfo": (99, 179),
    "uname": (63, 160),
    "getcpu": (309, 168),
    "sched_yield": (24, 124),
    "sched_getaffinity": (204, 123),
    "sched_getparam": (143, 121),
    "sched_getscheduler": (145, 120),
    "sched_get_priority_max": (146, 125),
    "sched_get_priority_min": (147, 126),
    "getpriority": (140, 141),
    "getrlimit": (97, 163),
    "arch_prctl": (158, None),
    "setitimer": (38, 103),
    "getitimer": (36, 102),
    "alarm": (37, None),
    "recvfrom": (45, 207),
    "getsockname": (51, 204),
    "getpeername": (52, 205),
    "getsockopt": (55, 209),
    "shutdown": (48, 210),
    "wait4": (61, 260),
    "waitid": (247, 95),
    "fcntl": (72, 25),
    "ioctl": (16, 29),
    "sendto": (44, 206),
    "socketpair": (53, 199),
    "clone": (56, 220),
    "clone3": (435, 435),
    "prlimit64": (302, 261),
    "tgkill": (234, 131),
    "kill": (62, 129),
    "memfd_create": (319, 279),
    "setrlimit": (160, 164),
    "seccomp": (317, 277),
    "prctl": (157, 167),
    "capset": (126, 91),
    "pidfd_open": (434, 434),
    "pidfd_send_signal": (424, 424),
}

_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # column of the table, AUDIT_ARCH

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL_PROCESS = 0x7FFF0000, 0x80000000
_NR, _ARCH = 0, 4
_X32_BIT = 0x40000000

_CLONE_THREAD = 0x00010000
_CLONE_FILES = 0x00000400
_CLOSE_RANGE_CLOEXEC = 4
_CLONE_NEWPID = 0x20000000
_CLONE_NEW_OTHERS = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x40000000
_AF_UNIX = 1
# isatty, bytes to read, window size, close-on-exec flags, non-blocking: what ordinary programs ask of a descriptor
_IOCTLS = (0x5401, 0x541B, 0x5413, 0x5451, 0x5450, 0x5421)
# DUPFD GETFD SETFD GETFL SETFL DUPFD_CLOEXEC; not SETOWN and SETSIG, with which one can signal other processes
_FCNTLS = (0, 1, 2, 3, 4, 1030)

_ONLY_SUPERVISOR = (
    "kill",
    "memfd_create",
    "setrlimit",
    "seccomp",
    "prctl",
    "capset",
    "pidfd_open",
    "pidfd_send_signal",
)
_WITH_ARGUMENTS = ("fcntl", "ioctl", "sendto", "socketpair", "clone", "clone3")

Instruction = tuple[int, int, int, int]


class Filters(NamedTuple):
    """Both programs as cBPF, and which instruction of the test filter holds the test process's own pid."""

    base: bytes
    test: bytes
    pid_instruction: int


def machine_is_supported() -> bool:
    """Whether the table knows this processor."""
    return platform.machine() in _MACHINES


def build_filters(pid_namespaces: bool) -> Filters:
    """Assemble both filters for this machine.

    Args:
        pid_namespaces: whether supervisors get pid namespaces of their own (isolation level A).

    Raises:
        KeyError: on a processor that the table does not know (see :func:`machine_is_supported`).
    """
    column, arch = _MACHINES[platform.machine()]
    number = {name: n for name, numbers in _NUMBERS.items() if (n := numbers[column]) is not None}
    base = _base_filter(number, arch, pid_namespaces)
    test, pid_instruction = _test_filter(number)
    return Filters(_encode(base), _encode(test), pid_instruction)


def _base_filter(number: dict[str, int], arch: int, pid_namespaces: bool) -> list[Instruction]:
    refused_clone = _CLONE_NEW_OTHERS if pid_namespaces else _CLONE_NEW_OTHERS | _CLONE_NEWPID
    program: list[Instruction] = [
        (_LOAD, 0, 0, _ARCH),
        (_EQUAL, 1, 0, arch),
        (_RETURN, 0, 0, _KILL_PROCESS),
        (_LOAD, 0, 0, _NR),
        (_AT_LEAST, 0, 1, _X32_BIT),
        (_RETURN, 0, 0, _refuse(errno.ENOSYS)),
    ]
    special = {
        "fcntl": _argument_in(1, _FCNTLS, errno.EPERM),
        "ioctl": _argument_in(1, _IOCTLS, errno.ENOTTY),
        "socketpair": _argument_in(0, (_AF_UNIX,), errno.EACCES),
        "sendto": _argument_is_null(4, errno.EACCES),  # only on connected pairs, never to a named address
        "clone": [(_LOAD, 0, 0, _low(0)), (_ANY_BIT, 0, 1, refused_clone), _deny(), (_RETURN, 0, 0, _ALLOW)],
        "clone3": [(_RETURN, 0, 0, _refuse(errno.ENOSYS))],  # its flags lie in memory; glibc then falls back to clone
    }
    for name, block in special.items():
        program += _when(number[name], block)
    for name, nr in number.items():
        if name not in _WITH_ARGUMENTS:
            program += _when(nr, [(_RETURN, 0, 0, _ALLOW)])
    return [*program, _deny()]


def _test_filter(number: dict[str, int]) -> tuple[list[Instruction], int]:
    program: list[Instruction] = [(_LOAD, 0, 0, _NR)]
    for name in _ONLY_SUPERVISOR:
        if name in number:
            program += _when(number[name], [_deny()])
    program += _when(
        number["clone"],
        # Threads that share descriptors, nothing else: each table of its own could pin the buffers of 60 sockets.
        [
            (_LOAD, 0, 0, _low(0)),
            (_ANY_BIT, 0, 2, _CLONE_THREAD),
            (_ANY_BIT, 0, 1, _CLONE_FILES),
            (_RETURN, 0, 0, _ALLOW),
            _deny(),
        ],
    )
    program += _when(number["close_range"], _argument_in(2, (0, _CLOSE_RANGE_CLOEXEC), errno.EPERM))  # nor UNSHARE
    program += _when(number["prlimit64"], _argument_is_null(2, errno.EPERM))  # reading limits is fine
    pid_instruction = len(program) + 2
    program += _when(number["tgkill"], _argument_in(0, (0,), errno.EPERM))  # raise() and abort() signal ourselves
    return [*program, (_RETURN, 0, 0, _ALLOW)], pid_instruction


def _when(nr: int, block: Sequence[Instruction]) -> list[Instruction]:
    """Run ``block``, which always returns, if the call's number is ``nr``."""
    return [(_EQUAL, 0, len(block), nr), *block]


def _argument_in(index: int, allowed: Sequence[int], error: int) -> list[Instruction]:
    """Allow if the low half of an argument is one of ``allowed``."""
    tests = [(_EQUAL, len(allowed) - i, 0, value) for i, value in enumerate(allowed)]
    return [(_LOAD, 0, 0, _low(index)), *tests, (_RETURN, 0, 0, _refuse(error)), (_RETURN, 0, 0, _ALLOW)]


def _argument_is_null(index: int, error: int) -> list[Instruction]:
    return [
        (_LOAD, 0, 0, _low(index)),
        (_EQUAL, 0, 2, 0),
        (_LOAD, 0, 0, _low(index) + 4),
        (_EQUAL, 1, 0, 0),
        (_RETURN, 0, 0, _refuse(error)),
        (_RETURN, 0, 0, _ALLOW),
    ]


def _low(index: int) -> int:
    """Offset of the low half of an argument in struct seccomp_data (both machines are little-endian)."""
    return 16 + 8 * index


def _refuse(error: int) -> int:
    return 0x00050000 | error


def _deny() -> Instruction:
    return (_RETURN, 0, 0, _refuse(errno.EPERM))


def _encode(program: Sequence[Instruction]) -> bytes:
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
