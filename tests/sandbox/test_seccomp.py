"""The filters, run on an interpreter of our own: what the kernel would answer to a call."""

from __future__ import annotations

import errno
import platform
import struct

import pytest

from sdpo_gym.sandbox.seccomp import build_filters

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="call numbers below are x86-64's")

ARCH = 0xC000003E
ALLOW, KILL = 0x7FFF0000, 0x80000000
CALLS = {
    "read": 0, "open": 2, "mmap": 9, "ioctl": 16, "dup": 32, "socket": 41, "connect": 42, "sendto": 44, "sendmsg": 46,
    "bind": 49, "socketpair": 53, "clone": 56, "fork": 57, "vfork": 58, "execve": 59, "kill": 62, "fcntl": 72,
    "rename": 82, "unlink": 87, "ptrace": 101, "setuid": 105, "prctl": 157, "setrlimit": 160, "mount": 165,
    "tkill": 200, "tgkill": 234, "keyctl": 250, "unshare": 272, "perf_event_open": 298, "prlimit64": 302,
    "process_vm_readv": 310, "seccomp": 317, "memfd_create": 319, "bpf": 321, "execveat": 322, "userfaultfd": 323,
    "io_uring_setup": 425, "pidfd_open": 434, "clone3": 435, "capset": 126, "shmget": 29, "memfd_secret": 447,
    "close_range": 436,
}  # fmt: skip


def answer(program: bytes, nr: int, arguments: tuple[int, ...] = (), arch: int = ARCH) -> int:
    """Run a classic BPF program on one call."""
    data = struct.pack("=iIQ6Q", nr, arch, 0, *(*arguments, *[0] * (6 - len(arguments))))
    code = [struct.unpack_from("=HBBI", program, i) for i in range(0, len(program), 8)]
    position, value = 0, 0
    while True:
        operation, jump_true, jump_false, constant = code[position]
        position += 1
        if operation == 0x20:
            (value,) = struct.unpack_from("=I", data, constant)
        elif operation == 0x06:
            return constant
        else:
            holds = {0x15: value == constant, 0x35: value >= constant, 0x45: bool(value & constant)}[operation]
            position += jump_true if holds else jump_false


def in_test(name: str, *arguments: int, pid: int = 0) -> int:
    """What a test process meets: both filters, of which the stricter wins."""
    filters = build_filters(pid_namespaces=True)
    test = bytearray(filters.test)
    struct.pack_into("=I", test, 8 * filters.pid_instruction + 4, pid)
    both = (answer(filters.base, CALLS[name], arguments), answer(bytes(test), CALLS[name], arguments))
    return min(both)


def refused(error: int) -> int:
    return 0x00050000 | error


@pytest.mark.parametrize("name", ["read", "open", "mmap", "dup"])
def test_ordinary_calls_are_allowed(name: str) -> None:
    assert in_test(name) == ALLOW


@pytest.mark.parametrize(
    "name",
    [
        "socket", "connect", "bind", "sendmsg", "fork", "vfork", "execve", "execveat", "kill", "tkill", "rename",
        "unlink", "ptrace", "setuid", "prctl", "setrlimit", "mount", "keyctl", "unshare", "perf_event_open",
        "process_vm_readv", "seccomp", "memfd_create", "bpf", "userfaultfd", "io_uring_setup", "pidfd_open", "capset",
        "shmget", "memfd_secret",
    ],
)  # fmt: skip
def test_the_rest_is_refused(name: str) -> None:
    assert in_test(name) == refused(errno.EPERM)


def test_calls_that_depend_on_their_arguments() -> None:
    thread = 0x3D0F00  # what pthread_create asks for
    assert in_test("clone", thread) == ALLOW
    assert in_test("clone", 17) == refused(errno.EPERM)  # a fork
    assert in_test("clone", thread | 0x10000000) == refused(errno.EPERM)  # a user namespace
    assert in_test("clone", thread & ~0x400) == refused(errno.EPERM)  # a descriptor table of its own
    assert in_test("close_range", 3, 3, 0) == in_test("close_range", 3, 3, 4) == ALLOW
    assert in_test("close_range", 3, 3, 2) == refused(errno.EPERM)  # likewise
    assert in_test("clone3") == refused(errno.ENOSYS)  # so that the C library falls back to clone
    assert in_test("prlimit64", 0, 7, 0) == ALLOW
    assert in_test("prlimit64", 0, 7, 0x7F0000000000) == refused(errno.EPERM)
    assert in_test("tgkill", 42, 43, 6, pid=42) == ALLOW
    assert in_test("tgkill", 1, 1, 9, pid=42) == refused(errno.EPERM)
    assert in_test("socketpair", 1) == ALLOW
    assert in_test("socketpair", 2) == refused(errno.EACCES)
    assert in_test("sendto", 5, 1, 1, 0, 0) == ALLOW
    assert in_test("sendto", 5, 1, 1, 0, 0x7F0000000000) == refused(errno.EACCES)
    assert in_test("fcntl", 1, 3) == ALLOW
    for command in (8, 10, 15, 1033):  # SETOWN, SETSIG, SETOWN_EX, ADD_SEALS
        assert in_test("fcntl", 1, command) == refused(errno.EPERM)
    assert in_test("ioctl", 0, 0x5401) == ALLOW
    assert in_test("ioctl", 0, 0x5412) == refused(errno.ENOTTY)  # TIOCSTI


def test_other_calling_conventions() -> None:
    base = build_filters(pid_namespaces=True).base
    assert answer(base, 1, arch=0x40000003) == KILL  # 32-bit x86
    assert answer(base, 0x40000000 | 59) == refused(errno.ENOSYS)  # x32


def test_only_level_a_may_make_pid_namespaces() -> None:
    new_pid_namespace = (0x20000000 | 17,)
    assert answer(build_filters(pid_namespaces=True).base, CALLS["clone"], new_pid_namespace) == ALLOW
    assert answer(build_filters(pid_namespaces=False).base, CALLS["clone"], new_pid_namespace) == refused(errno.EPERM)
