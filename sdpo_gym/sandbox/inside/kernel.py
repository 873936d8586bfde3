"""The few system calls that the standard library does not offer, through ctypes."""

from __future__ import annotations

import ctypes
import errno
import os
import struct

_libc = ctypes.PyDLL(None, use_errno=True)  # PyDLL keeps the interpreter lock: this side has one thread
_X86 = os.uname().machine == "x86_64"

SYS_CLONE = 56 if _X86 else 220
SYS_CAPSET = 126 if _X86 else 91
SYS_SECCOMP = 317 if _X86 else 277
SYS_CLOSE_RANGE = 436
SYS_LANDLOCK_CREATE_RULESET, SYS_LANDLOCK_ADD_RULE, SYS_LANDLOCK_RESTRICT_SELF = 444, 445, 446

CLONE_NEWPID = 0x20000000
SIGCHLD = 17
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 1, 4, 38
SECCOMP_SET_MODE_FILTER = 1

# fork() without Python's at-fork hooks: they cost 0.2 ms, and this side has one thread and no state to mend
fork = _libc.fork

# kill() that returns -1 where os.kill would make an exception, which costs more than the call
kill = _libc.kill

# gives memory that was freed back to the kernel: every fork copies the tables of what is mapped
malloc_trim = _libc.malloc_trim

_syscall = _libc.syscall
_syscall.restype = ctypes.c_long


def syscall(number: int, *arguments: object) -> int:
    """Make one system call; OSError on failure."""
    converted = [a if not isinstance(a, int) else ctypes.c_ulong(a & 0xFFFFFFFFFFFFFFFF) for a in arguments]
    result = int(_syscall(ctypes.c_long(number), *converted))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"system call {number}: {os.strerror(code)}")
    return result


def fork_into_new_pid_namespace() -> int:
    """Fork a child that is pid 1 of a new pid namespace; needs CAP_SYS_ADMIN in our user namespace."""
    return syscall(SYS_CLONE, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0)


def prctl(option: int, value: int) -> None:
    """Call prctl with one argument."""
    if _libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"prctl {option}: {os.strerror(code)}")


def end_process_on(signal_number: int) -> None:
    """Make a signal end this process with the signal's number as exit status.

    Its default action would do likewise, but the first process of a pid namespace is spared default actions. The
    handler is the C library's own ``_exit``, for Python's handlers do not run inside ``compile``.
    """
    if _libc.signal(signal_number, ctypes.cast(_libc._exit, ctypes.c_void_p)) == -1:
        raise OSError(ctypes.get_errno(), "signal")


def drop_capabilities() -> None:
    """Give up every capability, for good (no_new_privs is set and nothing is exec'ed any more)."""
    header = struct.pack("=Ii", 0x20080522, 0)
    syscall(SYS_CAPSET, ctypes.c_char_p(header), ctypes.c_char_p(bytes(24)))


class SeccompFilter:
    """A compiled seccomp program (array of struct sock_filter), loadable any number of times.

    Args:
        program: cBPF, 8 bytes an instruction.
    """

    def __init__(self, program: bytes) -> None:
        self._code = ctypes.create_string_buffer(program, len(program))
        address = ctypes.addressof(self._code)
        self._fprog = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(program) // 8, address), 16)
        self._arguments = (
            ctypes.c_long(SYS_SECCOMP),
            ctypes.c_ulong(SECCOMP_SET_MODE_FILTER),
            ctypes.c_ulong(0),
            ctypes.byref(self._fprog),
        )

    def patch(self, instruction: int, value: int) -> None:
        """Set the constant of one instruction (as for a pid that is known only after the fork)."""
        struct.pack_into("=I", self._code, 8 * instruction + 4, value)

    def load(self) -> None:
        """Apply to this process and all its children."""
        if _syscall(*self._arguments) != 0:
            code = ctypes.get_errno()
            raise OSError(code, f"seccomp: {os.strerror(code)}")


_CLOSE_FROM_4 = (ctypes.c_long(SYS_CLOSE_RANGE), ctypes.c_ulong(4), ctypes.c_ulong(0xFFFFFFFF), ctypes.c_ulong(0))


def close_from_4() -> None:
    """Close every descriptor from 4 on."""
    if _syscall(*_CLOSE_FROM_4) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"close_range: {os.strerror(code)}")


_FS_EXECUTE, _FS_READ_FILE, _FS_READ_DIR, _FS_WRITE_FILE = 1, 4, 8, 2


def landlock_abi() -> int:
    """Return the kernel's Landlock ABI version, 0 if it has none."""
    try:
        return syscall(SYS_LANDLOCK_CREATE_RULESET, 0, 0, 1)
    except OSError as error:
        if error.errno in (errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM):
            return 0
        raise


def landlock_restrict(readable: list[str], writable_files: list[str]) -> int:
    """Confine this process to reading below ``readable`` and writing ``writable_files``; return the ABI used.

    Every file right that the kernel knows is handled, so what is not allowed here is refused; from ABI 4 on TCP is
    refused too, and from ABI 6 on signals and abstract sockets out of the domain.
    """
    abi = landlock_abi()
    if abi < 1:
        raise OSError(errno.ENOSYS, "this kernel has no Landlock")
    fs_rights = (1 << 13) - 1
    if abi >= 2:
        fs_rights |= 1 << 13  # REFER
    if abi >= 3:
        fs_rights |= 1 << 14  # TRUNCATE
    if abi >= 5:
        fs_rights |= 1 << 15  # IOCTL_DEV
    attributes = struct.pack("=Q", fs_rights)
    if abi >= 4:
        attributes += struct.pack("=Q", 3)  # TCP bind, connect
    if abi >= 6:
        attributes += struct.pack("=Q", 3)  # abstract unix sockets, signals
    ruleset = syscall(SYS_LANDLOCK_CREATE_RULESET, ctypes.c_char_p(attributes), len(attributes), 0)
    rules = [(path, _FS_EXECUTE | _FS_READ_FILE | _FS_READ_DIR) for path in readable]
    rules += [(path, _FS_READ_FILE | _FS_WRITE_FILE) for path in writable_files]
    for path, rights in rules:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
        rule = struct.pack("=Qi", rights, fd)
        syscall(SYS_LANDLOCK_ADD_RULE, ruleset, 1, ctypes.c_char_p(rule), 0)
        os.close(fd)
    syscall(SYS_LANDLOCK_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)
    return abi
