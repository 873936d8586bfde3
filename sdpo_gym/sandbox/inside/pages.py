"""The interpreter's code on huge pages: processes forked from here need not map it anew, nor drop it page by page.

A fork leaves out the pages of files, so each child would fault them in again, some hundred at a time, and give them
back in the end: that was 8 % of the CPU time of a trivial test. Anonymous huge pages are inherited by one entry each.
"""

from __future__ import annotations

import ctypes
import resource
import struct

_HUGE, _PAGE = 2 << 20, 4096
_READ, _WRITE, _EXECUTE = 1, 2, 4
_MAP_PRIVATE_ANONYMOUS, _MADV_HUGEPAGE, _MREMAP_MAYMOVE_FIXED = 0x22, 14, 3
_LOAD, _WRITABLE = 1, 2  # p_type and p_flags of ELF program headers

_libc = ctypes.PyDLL(None)
_size = ctypes.c_size_t
_libc.mmap.restype, _libc.mremap.restype = ctypes.c_void_p, ctypes.c_void_p
_libc.mmap.argtypes = (ctypes.c_void_p, _size, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long)
_libc.mremap.argtypes = (ctypes.c_void_p, _size, _size, ctypes.c_int, ctypes.c_void_p)
_libc.madvise.argtypes = _libc.mprotect.argtypes = (ctypes.c_void_p, _size, ctypes.c_int)
_libc.munmap.argtypes = (ctypes.c_void_p, _size)


class _Symbol(ctypes.Structure):
    """``Dl_info`` of dladdr(3)."""

    _fields_ = (
        ("file", ctypes.c_char_p),
        ("base", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        ("at", ctypes.c_void_p),
    )


def put_code_on_huge_pages() -> int:
    """Move the interpreter's code to huge pages of our own, without changing where it is seen; return how many bytes.

    It stays what it is, and 0 is returned, where the kernel gives no huge pages or the code fills none.
    """
    first, end = _read_only_part()
    start = -(-first // _HUGE) * _HUGE
    size = end // _HUGE * _HUGE - start
    if size <= 0:
        return 0
    room = _libc.mmap(None, size + _HUGE, _READ | _WRITE, _MAP_PRIVATE_ANONYMOUS, -1, 0)
    if room in (None, ctypes.c_void_p(-1).value):
        return 0
    copy = -(-room // _HUGE) * _HUGE
    _libc.madvise(copy, size, _MADV_HUGEPAGE)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    ctypes.memmove(copy, start, size)
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    # the source's pages fault, too, by 16 at a time; small pages of our own would make every fork dearer
    if faults < size // _PAGE // 2 and _libc.mprotect(copy, size, _READ | _EXECUTE) == 0:
        moved = _libc.mremap(copy, size, size, _MREMAP_MAYMOVE_FIXED, start) == start
    else:
        moved = False
    if not moved:
        _libc.munmap(copy, size)
    _libc.munmap(room, copy - room)
    _libc.munmap(copy + size, room + _HUGE - copy)
    return size if moved else 0


def _read_only_part() -> tuple[int, int]:
    """Find where the interpreter's code and constants lie: from the start of its file to its first writable segment."""
    found = _Symbol()
    if _libc.dladdr(ctypes.cast(ctypes.pythonapi.Py_GetVersion, ctypes.c_void_p), ctypes.byref(found)) == 0:
        return 0, 0
    base = found.base or 0
    header = ctypes.string_at(base, 64)
    if header[:5] != b"\x7fELF\x02":  # of 64 bits
        return 0, 0
    shift = base if header[16:18] == b"\x03\0" else 0  # 3: ET_DYN; other programs have the addresses that they say
    (offset,), (size, count) = struct.unpack_from("=Q", header, 32), struct.unpack_from("=HH", header, 54)
    end = base
    for i in range(count):
        kind, flags = struct.unpack("=II", ctypes.string_at(base + offset + i * size, 8))
        address, _, _, length = struct.unpack("=QQQQ", ctypes.string_at(base + offset + i * size + 16, 32))
        if kind == _LOAD:
            begin = shift + address // _PAGE * _PAGE
            if flags & _WRITABLE or begin != end:  # nor a hole in between
                break
            end = shift + -(-(address + length) // _PAGE) * _PAGE
    return base, end
