"""Guest RAM on Linux: checkpoints by the host's own copy-on-write.

RAM is a private mapping of a memory file that holds the base. The first store
to a page makes the host copy it, the page map tells which pages were copied,
and dropping the copies is one system call (``madvise(2)``, ``pagemap`` in the
kernel's admin guide). The mapping stays at its address throughout.
"""

from __future__ import annotations

import ctypes
import os
import weakref

import numpy as np

from vectoros.errors import hold
from vectoros.ram import Base, PageNumbers, Ram
from vectoros.units import PAGE_SIZE

_PROT_READ_WRITE = 3
_MAP_PRIVATE = 0x02
_MAP_FIXED = 0x10
_MAP_NORESERVE = 0x4000
_MADV_DONTNEED = 4

_PAGEMAP_PRESENT = np.uint64(1 << 63)
_PAGEMAP_SWAPPED = np.uint64(1 << 62)
_PAGEMAP_FILE = np.uint64(1 << 61)  # still the file's page: never stored to

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

    def __init__(self, size: int) -> None:
        """Hold ``size`` bytes, all zero; a page that was never written costs nothing."""
        super().__init__()
        self.file = os.memfd_create("vectoros-ram", os.MFD_CLOEXEC)
        weakref.finalize(self, os.close, self.file)
        os.ftruncate(self.file, size)

    def read(self, page: int) -> bytes:
        """Return the contents of page ``page``."""
        return os.pread(self.file, PAGE_SIZE, page * PAGE_SIZE)


class MemfdRam(Ram):
    """RAM whose base is a memory file and whose changes are private copies."""

    def __init__(self, size: int) -> None:
        """Map ``size`` bytes, all zero."""
        self._pagemap = os.open("/proc/self/pagemap", os.O_RDONLY | os.O_CLOEXEC)
        weakref.finalize(self, os.close, self._pagemap)
        base = FileBase(size)
        super().__init__(size, base)
        self._map(base)

    @staticmethod
    def available() -> bool:
        """Whether this host's page size and page map serve."""
        return os.sysconf("SC_PAGE_SIZE") == PAGE_SIZE and os.access("/proc/self/pagemap", os.R_OK)

    def dirty(self) -> PageNumbers:
        """Return, in order, the pages that were stored to since they equalled the base."""
        pages = self.size // PAGE_SIZE
        raw = os.pread(self._pagemap, pages * 8, self.address // PAGE_SIZE * 8)
        entries = np.frombuffer(raw, dtype=np.uint64)
        hold(len(entries) == pages, "the host's page map ended early")
        exists = entries & (_PAGEMAP_PRESENT | _PAGEMAP_SWAPPED)
        return np.flatnonzero((exists != 0) & (entries & _PAGEMAP_FILE == 0))

    def _copy(self, changed: PageNumbers) -> Base:
        base = FileBase(self.size)
        for page in {*self._base.digests, *changed.tolist()}:
            os.pwrite(base.file, self._pages[page], page * PAGE_SIZE)
        return base

    def _revert(self, base: Base) -> None:
        hold(isinstance(base, FileBase), "a checkpoint of another kind of RAM")
        if base is self._base:
            result = _libc.madvise(self.address, self.size, _MADV_DONTNEED)
            hold(result == 0, f"madvise failed: errno {ctypes.get_errno()}")
        elif isinstance(base, FileBase):
            self._map(base)

    def _map(self, base: FileBase) -> None:
        """Put a private view of ``base`` in the mapping's place."""
        flags = _MAP_PRIVATE | _MAP_FIXED | _MAP_NORESERVE
        where = _libc.mmap(self.address, self.size, _PROT_READ_WRITE, flags, base.file, 0)
        hold(where == self.address, f"mmap failed: errno {ctypes.get_errno()}")
        self._base = base
