"""Guest RAM: one host mapping, shared zero-copy by the CPU engine and numpy.

Video memory is a part of it. Page numbers count from the mapping's beginning, and
so do those of snapshots and state hashes: main memory first, then the other pieces
(vectoros/memory.py says which physical addresses lead to which).

Promises:

    R1  The mapping never moves, so every pointer and view into it stays valid
        for the life of the machine.
    R2  A checkpoint never changes, whatever happens to the RAM it was taken of.

A checkpoint is a *base*, an immutable copy of all pages at some moment, plus the
pages that differ from it. Many checkpoints share one base. Once too many pages
differ, the next checkpoint makes a new one (:data:`REBASE_PAGES`).

:class:`ArrayRam` works everywhere: it finds changed pages by comparing.
:class:`vectoros.ram_linux.MemfdRam` does the same with the page tables of the
host's own MMU, which costs a tenth.

numpy is loaded where it is used: it takes as long as a boot, and most runs take
no checkpoint.
"""

from __future__ import annotations

import ctypes
import hashlib
import mmap
import struct
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar, cast

from vectoros.errors import UsageError, hold
from vectoros.units import MIB, PAGE_SIZE

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Bytes: TypeAlias = "npt.NDArray[np.uint8]"
PageNumbers: TypeAlias = "npt.NDArray[np.int64]"

REBASE_PAGES = 1024
"""Pages that may differ from the base before the next checkpoint makes a new one.

Up to here a checkpoint copies what differs, and a restore puts it back: 4 MiB at
most, in about a millisecond. A new base copies all pages in use, which takes
half a millisecond for each MiB once, and then restores cost nothing again.
"""

_ZERO_PAGE = bytes(PAGE_SIZE)


class Base(ABC):
    """All of RAM at one moment, never changed afterwards."""

    def __init__(self, size: int, digests: Mapping[int, bytes]) -> None:
        """Hold ``size`` bytes; ``digests`` are of the pages that are not all zero."""
        self.size = size
        self.digests = digests

    @abstractmethod
    def read(self, page: int) -> bytes:
        """Return the contents of page ``page``."""


B = TypeVar("B", bound=Base)


@dataclass(frozen=True)
class RamCheckpoint:
    """RAM at one moment: ``base`` with ``data[i]`` in place of page ``pages[i]``."""

    base: Base
    pages: PageNumbers
    data: Bytes = field(repr=False)

    def contents(self) -> dict[int, bytes]:
        """Return the pages that are not all zero, by page number."""
        found = {page: self.base.read(page) for page in self.base.digests}
        for page, data in zip(self.pages.tolist(), self.data, strict=True):
            found[page] = data.tobytes()
        return {page: data for page, data in sorted(found.items()) if data != _ZERO_PAGE}


class Ram(ABC, Generic[B]):
    """``size`` bytes of guest RAM, all zero at first."""

    def __init__(self, size: int, base: B) -> None:
        """Map ``size`` bytes, a multiple of the page size, without touching them."""
        self.size = size
        self._mapping = mmap.mmap(-1, size, **_lazy_flags())
        self.view = memoryview(self._mapping)
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self._mapping))
        self._base = base

    @cached_property
    def array(self) -> Bytes:
        """The mapping, as numpy sees it."""
        import numpy as np

        return np.frombuffer(self._mapping, dtype=np.uint8)

    @cached_property
    def _pages(self) -> Bytes:
        """The mapping, a row a page."""
        return self.array.reshape(-1, PAGE_SIZE)

    @abstractmethod
    def dirty(self) -> PageNumbers:
        """Return, in order, the pages that differ from the base, and perhaps a few that do not."""

    @abstractmethod
    def _copy(self, changed: PageNumbers, digests: Mapping[int, bytes]) -> B:
        """Return a base with the present contents; ``changed`` may differ from the old one."""

    @abstractmethod
    def _revert(self, base: B, doomed: PageNumbers) -> None:
        """Make the mapping equal to ``base``, which is the base from now on.

        If it was the base already, only the pages ``doomed`` need to follow: the
        caller overwrites the others that differ.
        """

    def checkpoint(self) -> RamCheckpoint:
        """Return the present contents; the cost is that of the pages changed since the base."""
        dirty = self.dirty()
        if len(dirty) > REBASE_PAGES:
            self._revert(self._copy(dirty, self.digests()), dirty)
            dirty = dirty[:0]
        return RamCheckpoint(self._base, dirty, self._pages[dirty])

    def restore(self, checkpoint: RamCheckpoint) -> PageNumbers:
        """Take ``checkpoint``'s contents; return the pages that may have changed."""
        import numpy as np

        theirs, ours = checkpoint.base, self._base
        hold(type(theirs) is type(ours), "a checkpoint of another kind of RAM")
        hold(theirs.size == self.size, "a checkpoint of RAM of another size")
        dirty = self.dirty()
        changed = np.union1d(dirty, checkpoint.pages)
        if theirs is not ours:
            pages = {*ours.digests, *theirs.digests}
            changed = np.union1d(changed, np.fromiter(pages, dtype=np.int64, count=len(pages)))
        self._revert(cast(B, theirs), np.setdiff1d(dirty, checkpoint.pages, assume_unique=True))
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

    def pages_in_use(self, first: int, end: int) -> list[int]:
        """Return, in order, the pages from ``first`` to ``end`` - 1 that may not be all zero."""
        found = {page for page in self._base.digests if first <= page < end}
        return sorted(found.union(self._dirty_between(first, end)))

    def _dirty_between(self, first: int, end: int) -> list[int]:
        """Return those of :meth:`dirty` from ``first`` to ``end`` - 1."""
        return [page for page in self.dirty().tolist() if first <= page < end]

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

    def __init__(self, pages: Bytes, digests: Mapping[int, bytes]) -> None:
        """Hold ``pages``, a row a page."""
        super().__init__(pages.size, digests)
        self.pages = pages

    def read(self, page: int) -> bytes:
        """Return the contents of page ``page``."""
        data: bytes = self.pages[page].tobytes()
        return data


class ArrayRam(Ram[ArrayBase]):
    """RAM on any host: changed pages are found by comparing all of it."""

    def __init__(self, size: int) -> None:
        """Map ``size`` bytes, all zero."""
        import numpy as np

        zeros = np.zeros((size // PAGE_SIZE, PAGE_SIZE), dtype=np.uint8)
        super().__init__(size, ArrayBase(zeros, {}))

    def dirty(self) -> PageNumbers:
        """Return, in order, the pages that differ from the base."""
        import numpy as np

        # Words, not bytes: comparing takes a quarter of the time.
        mine, base = self._pages.view(np.uint64), self._base.pages.view(np.uint64)
        return np.flatnonzero((mine != base).any(axis=1))

    def _copy(self, changed: PageNumbers, digests: Mapping[int, bytes]) -> ArrayBase:
        return ArrayBase(self._pages.copy(), digests)

    def _revert(self, base: ArrayBase, doomed: PageNumbers) -> None:
        if base is not self._base:
            self._base = base
            doomed = self.dirty()
        self._pages[doomed] = base.pages[doomed]


def _lazy_flags() -> dict[str, int]:
    """Return the flags of a mapping that costs no memory until it is touched."""
    if sys.platform == "win32":
        return {}
    return {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS}


def make_ram(size: int, further: int = 0) -> Ram[Any]:
    """Return ``size`` bytes, and ``further`` ones behind them, of the fastest kind there is.

    Raises :class:`UsageError` if this host has not so much.
    """
    try:
        if sys.platform == "linux":
            from vectoros.ram_linux import MemfdRam

            if MemfdRam.available():
                return MemfdRam(size + further)
        return ArrayRam(size + further)
    except (OSError, MemoryError) as reason:
        raise UsageError(f"--memory {size // MIB}M is more than this host has: {reason}") from None
