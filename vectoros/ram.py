"""Guest RAM: one host mapping, shared zero-copy by the CPU engine and numpy.

The mapping never moves, so every pointer and view into it stays valid for the
life of the machine. A checkpoint is a *base*, an immutable copy of all pages at
some moment, plus the pages that differ from it; many checkpoints share one base.

:class:`ArrayRam` works everywhere: it finds changed pages by comparing.
:class:`vectoros.ram_linux.MemfdRam` does the same with the page tables of the
host's own MMU, which is some thirty times faster.
"""

from __future__ import annotations

import hashlib
import mmap
import struct
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from vectoros.errors import hold
from vectoros.units import PAGE_SIZE

Bytes = npt.NDArray[np.uint8]
PageNumbers = npt.NDArray[np.int64]

REBASE_PAGES = 1024
"""Pages that may differ from the base before the next checkpoint makes a new one.

Copying this many costs about a millisecond, which is what a checkpoint may cost.
"""

_ZERO_PAGE = bytes(PAGE_SIZE)


class Base(ABC):
    """All of RAM at one moment, never changed afterwards."""

    def __init__(self) -> None:
        """Start all zero."""
        self.digests: dict[int, bytes] = {}  # of the pages that are not all zero

    @abstractmethod
    def read(self, page: int) -> bytes:
        """Return the contents of page ``page``."""


@dataclass(frozen=True)
class RamCheckpoint:
    """RAM at one moment: ``base`` with ``data[i]`` in place of page ``pages[i]``."""

    base: Base
    pages: PageNumbers
    data: Bytes = field(repr=False)

    def contents(self) -> dict[int, bytes]:
        """Return the pages that are not all zero, by page number."""
        found = {page: self.base.read(page) for page in self.base.digests}
        found |= {
            int(page): data.tobytes() for page, data in zip(self.pages, self.data, strict=True)
        }
        return {page: data for page, data in sorted(found.items()) if data != _ZERO_PAGE}


class Ram(ABC):
    """``size`` bytes of guest RAM from physical address 0, all zero at first."""

    def __init__(self, size: int, base: Base) -> None:
        """Map ``size`` bytes, a multiple of the page size, without touching them."""
        self.size = size
        self._mapping = mmap.mmap(-1, size, **_lazy_flags())
        self.view = memoryview(self._mapping)
        self.array: Bytes = np.frombuffer(self._mapping, dtype=np.uint8)
        self.address = int(self.array.ctypes.data)
        self._pages: Bytes = self.array.reshape(-1, PAGE_SIZE)
        self._base = base

    @abstractmethod
    def dirty(self) -> PageNumbers:
        """Return, in order, the pages that differ from the base, and perhaps a few that do not."""

    @abstractmethod
    def _copy(self, changed: PageNumbers) -> Base:
        """Return a new base with the present contents; ``changed`` differ from the old one."""

    @abstractmethod
    def _revert(self, base: Base) -> None:
        """Make the mapping equal to ``base``, which is the base from now on."""

    def checkpoint(self) -> RamCheckpoint:
        """Return the present contents; the cost is that of the pages changed since the base."""
        dirty = self.dirty()
        if len(dirty) > REBASE_PAGES:
            digests = self.digests()
            base = self._copy(dirty)
            base.digests = digests
            self._revert(base)
            dirty = dirty[:0]
        return RamCheckpoint(self._base, dirty, self._pages[dirty])

    def restore(self, checkpoint: RamCheckpoint) -> PageNumbers:
        """Take ``checkpoint``'s contents; return the pages that may have changed."""
        changed = np.union1d(self.dirty(), checkpoint.pages)
        if checkpoint.base is not self._base:
            pages = {*self._base.digests, *checkpoint.base.digests}
            changed = np.union1d(changed, np.fromiter(pages, dtype=np.int64, count=len(pages)))
        self._revert(checkpoint.base)
        self._pages[checkpoint.pages] = checkpoint.data
        return changed

    def replace(self, pages: Mapping[int, bytes]) -> list[int]:
        """Hold ``pages`` and zeros elsewhere; return the pages that may have changed."""
        changed = sorted({*self.digests(), *pages})
        for page in changed:
            data = pages.get(page, _ZERO_PAGE)
            self.view[page * PAGE_SIZE : (page + 1) * PAGE_SIZE] = data
        return changed

    def digests(self) -> dict[int, bytes]:
        """Return the SHA-256 of each page that is not all zero, by page number."""
        found = dict(self._base.digests)
        for page in self.dirty().tolist():
            data = self.page(page)
            if data == _ZERO_PAGE:
                found.pop(page, None)
            else:
                found[page] = hashlib.sha256(data).digest()
        return dict(sorted(found.items()))

    def digest(self) -> bytes:
        """Return the SHA-256 of the list of (page number, page digest)."""
        whole = hashlib.sha256()
        for page, digest in self.digests().items():
            whole.update(struct.pack("<Q", page) + digest)
        return whole.digest()

    def page(self, number: int) -> bytes:
        """Return the contents of page ``number``."""
        return bytes(self.view[number * PAGE_SIZE : (number + 1) * PAGE_SIZE])


class ArrayBase(Base):
    """A base in memory."""

    def __init__(self, pages: Bytes) -> None:
        """Hold ``pages``, a row a page."""
        super().__init__()
        self.pages = pages

    def read(self, page: int) -> bytes:
        """Return the contents of page ``page``."""
        data: bytes = self.pages[page].tobytes()
        return data


class ArrayRam(Ram):
    """RAM on any host: changed pages are found by comparing all of it."""

    def __init__(self, size: int) -> None:
        """Map ``size`` bytes, all zero."""
        zero = ArrayBase(np.zeros((size // PAGE_SIZE, PAGE_SIZE), dtype=np.uint8))
        super().__init__(size, zero)
        self._compared = zero

    def dirty(self) -> PageNumbers:
        """Return, in order, the pages that differ from the base."""
        differs = (self._pages != self._compared.pages).any(axis=1)
        return np.flatnonzero(differs)

    def _copy(self, changed: PageNumbers) -> Base:
        return ArrayBase(self._pages.copy())

    def _revert(self, base: Base) -> None:
        hold(isinstance(base, ArrayBase), "a checkpoint of another kind of RAM")
        if isinstance(base, ArrayBase):
            self._base = self._compared = base
            dirty = self.dirty()
            self._pages[dirty] = base.pages[dirty]


def _lazy_flags() -> dict[str, int]:
    """Return the flags of a mapping that costs no memory until it is touched."""
    if sys.platform == "win32":
        return {}
    return {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS}


def make_ram(size: int) -> Ram:
    """Return the fastest kind of RAM that this host offers."""
    if sys.platform == "linux":
        from vectoros.ram_linux import MemfdRam

        if MemfdRam.available():
            return MemfdRam(size)
    return ArrayRam(size)
