"""Guest RAM on Linux: checkpoints by the host's own copy-on-write.

RAM is a private mapping of a memory file that holds the base. The first store
to a page makes the host copy it, the page map tells which pages were copied,
and dropping the copies is one system call (``madvise(2)``; "pagemap" in the
kernel's administration guide). The mapping stays at its address throughout.
"""

from __future__ import annotations

import ctypes
import functools
import os
import struct
import weakref
from collections.abc import Iterator, Mapping

from vectoros.errors import hold
from vectoros.ram import Base, PageNumbers, Ram
from vectoros.units import PAGE_SIZE

_PROT_READ_WRITE = 3
_MAP_PRIVATE = 0x02
_MAP_FIXED = 0x10
_MAP_NORESERVE = 0x4000
_MADV_DONTNEED = 4

_MANY_RUNS = 32
"""Calls of madvise above which one for all is cheaper: each costs as much as three copies."""

_PAGEMAP_ENTRY_BYTES = 8
_PAGEMAP_EXISTS = 3 << 62  # present, or swapped out
_PAGEMAP_FILE = 1 << 61  # still the file's page: never stored to

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = (
    ctypes.c_void_p,
    ctypes.c_size_t,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_long,
)
_libc.madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)


class FileBase(Base):
    """A base in a memory file."""

    def __init__(self, size: int, digests: Mapping[int, bytes]) -> None:
        """Hold ``size`` bytes, all zero until written; an unwritten page costs nothing."""
        super().__init__(size, digests)
        self.file = os.memfd_create("vectoros-ram", os.MFD_CLOEXEC)
        weakref.finalize(self, os.close, self.file)
        os.ftruncate(self.file, size)

    def read(self, page: int) -> bytes:
        """Return the contents of page ``page``."""
        return os.pread(self.file, PAGE_SIZE, page * PAGE_SIZE)


class MemfdRam(Ram[FileBase]):
    """RAM whose base is a memory file and whose changes are private copies."""

    def __init__(self, size: int) -> None:
        """Map ``size`` bytes, all zero."""
        base = FileBase(size, {})
        super().__init__(size, base)
        self._map(base)

    @staticmethod
    @functools.cache
    def available() -> bool:
        """Whether this host's page map tells loads from stores: tried out, once a process."""
        if os.sysconf("SC_PAGE_SIZE") != PAGE_SIZE:
            return False
        try:
            probe = MemfdRam(3 * PAGE_SIZE)
            probe.view[PAGE_SIZE] = probe.view[0] + 1
            return probe._dirty_between(0, 3) == [1]
        except OSError:
            return False

    def dirty(self) -> PageNumbers:
        """Return, in order, the pages that were stored to since they equalled the base."""
        import numpy as np

        entries = np.frombuffer(self._pagemap(0, self.size // PAGE_SIZE), dtype=np.uint64)
        exists = entries & np.uint64(_PAGEMAP_EXISTS)
        return np.flatnonzero((exists != 0) & (entries & np.uint64(_PAGEMAP_FILE) == 0))

    def _dirty_between(self, first: int, end: int) -> list[int]:
        # Without numpy: a boot clears the framebuffer, and takes as long as to load it.
        entries = struct.unpack(f"<{end - first}Q", self._pagemap(first, end))
        return [page for page, entry in enumerate(entries, first) if _is_copied(entry)]

    def _pagemap(self, first: int, end: int) -> bytes:
        """Return the page map's entries for the pages from ``first`` to ``end`` - 1."""
        size = (end - first) * _PAGEMAP_ENTRY_BYTES
        # Opened each time, because a file that a fork inherits shows the parent's pages.
        pagemap = os.open("/proc/self/pagemap", os.O_RDONLY | os.O_CLOEXEC)
        try:
            page = self.address // PAGE_SIZE + first
            raw = os.pread(pagemap, size, page * _PAGEMAP_ENTRY_BYTES)
        finally:
            os.close(pagemap)
        hold(len(raw) == size, "the host's page map ended early")
        return raw

    def _copy(self, changed: PageNumbers, digests: Mapping[int, bytes]) -> FileBase:
        base = FileBase(self.size, digests)
        for first, end in _runs(sorted({*self._base.digests, *changed.tolist()})):
            data = self.view[first * PAGE_SIZE : end * PAGE_SIZE]
            written = os.pwrite(base.file, data, first * PAGE_SIZE)
            if written != len(data):
                raise OSError(f"the host took {written} of {len(data)} bytes of a memory file")
        return base

    def _revert(self, base: FileBase, doomed: PageNumbers) -> None:
        if base is not self._base:
            self._map(base)
            return
        # A page that is overwritten next is cheaper kept than dropped and copied again.
        runs = list(_runs(doomed.tolist()))
        if len(runs) > _MANY_RUNS:
            runs = [(0, self.size // PAGE_SIZE)]
        for first, end in runs:
            where, size = self.address + first * PAGE_SIZE, (end - first) * PAGE_SIZE
            if _libc.madvise(where, size, _MADV_DONTNEED) != 0:
                raise _failure("madvise")

    def _map(self, base: FileBase) -> None:
        """Put a private view of ``base`` in the mapping's place."""
        flags = _MAP_PRIVATE | _MAP_FIXED | _MAP_NORESERVE
        where = _libc.mmap(self.address, self.size, _PROT_READ_WRITE, flags, base.file, 0)
        if where != self.address:
            raise _failure("mmap")
        self._base = base


def _is_copied(entry: int) -> bool:
    return bool(entry & _PAGEMAP_EXISTS) and not entry & _PAGEMAP_FILE


def _runs(pages: list[int]) -> Iterator[tuple[int, int]]:
    """Yield the runs of consecutive numbers in ``pages``: the first, and the one behind the last.

    >>> list(_runs([1, 2, 3, 7]))
    [(1, 4), (7, 8)]
    """
    first = 0
    for index, page in enumerate(pages, 1):
        if index == len(pages) or pages[index] != page + 1:
            yield pages[first], page + 1
            first = index


def _failure(call: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, f"{call}: {os.strerror(number)}")
