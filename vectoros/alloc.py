"""The policy by which a memory server hands out RAM: a library for whoever owns untypeds.

Each NUMA node has a buddy system, which keeps free blocks of powers of two from 4 KiB
up and merges neighbours. Single pages, which are asked for most, come from words: 64
pages with a bit for each free one, borrowed from the buddy system and returned when all
of it is free. A region takes from the nearest node that has what it needs. Every byte
is counted: used, wasted by rounding, or free. Of all this the kernel uses :func:`pieces`,
once, to cut free RAM into untypeds.

Source: Knuth, The Art of Computer Programming, vol. 1, section 2.5, "buddy system".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from vectoros.units import PAGE_SIZE

PAGE_BITS = PAGE_SIZE.bit_length() - 1

WORD_BITS = PAGE_BITS + 6
"""Size of a word's 64 pages, as a power of two."""

MAX_BITS = 52
"""Physical addresses are not longer (Intel SDM Vol. 3A, "4-Level Paging")."""

_BIT = tuple(1 << number for number in range(64))
_FULL = (1 << 64) - 1


class AllocError(Exception):
    """What is given back is not what was taken; nothing has changed."""


class NoMemoryError(AllocError):
    """There is no free block that is large enough; nothing has changed."""


def pieces(start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield address and size, as a power of two, of the aligned pieces of a range of pages.

    >>> [(hex(address), bits) for address, bits in pieces(0x3000, 0x9000)]
    [('0x3000', 12), ('0x4000', 14), ('0x8000', 12)]
    """
    start, end = -(-start // PAGE_SIZE) * PAGE_SIZE, end // PAGE_SIZE * PAGE_SIZE
    while start < end:
        alignment = (start & -start).bit_length() - 1 if start else MAX_BITS
        bits = min(alignment, (end - start).bit_length() - 1)
        yield start, bits
        start += 1 << bits


class _Node:
    """The memory of a node."""

    def __init__(self, ranges: Sequence[tuple[int, int]]) -> None:
        self._blocks: list[dict[int, None]] = [{} for _ in range(MAX_BITS + 1)]  # free, by size
        self._sizes = 0  # bit n: there is a free block of 2^n bytes
        self._taken: dict[int, int] = {}  # blocks that are no single pages, and their size
        self._words = [0] * ((max((end for _, end in ranges), default=0) >> WORD_BITS) + 1)
        self._borrowed = list(self._words)  # pages that are the word's, not the buddy system's
        self._some = 0  # bit n: word n has free pages, and is not the current one
        self._current = 0
        self.free = self.used = self.waste = 0
        for start, end in ranges:
            self.waste += end - start
            for address, bits in pieces(start, end):
                self._release(address, bits)
                self._count(0, -1 << bits)

    def page(self) -> int:
        """Take a page; there must be one."""
        free = self._words[self._current] or self._another_word()
        lowest = free & -free
        self._words[self._current] = free ^ lowest
        self.free -= PAGE_SIZE
        self.used += PAGE_SIZE
        return self._current << WORD_BITS | lowest.bit_length() - 1 << PAGE_BITS

    def _another_word(self) -> int:
        """Make one that has free pages the current word, and return its bits."""
        if self._some:
            lowest = self._some & -self._some
            self._some ^= lowest
            self._current = lowest.bit_length() - 1
            return self._words[self._current]
        bits = min((self._sizes & -self._sizes).bit_length() - 1, WORD_BITS)
        address = self._take(bits)
        self._current = word = address >> WORD_BITS
        pages = (1 << (1 << bits - PAGE_BITS)) - 1 << (address >> PAGE_BITS & 63)
        self._borrowed[word] |= pages
        self._words[word] = pages  # its others are taken, or it would be among those with some
        return pages

    def block(self, size: int) -> int | None:
        """Take a block of at least ``size`` bytes; None: there is none."""
        bits = max(PAGE_BITS, (size - 1).bit_length())
        if 1 << bits <= self.free and not self._sizes >> bits:
            self._some |= 1 << self._current
            while self._some:  # the pages of words may be parts of one
                self._return_word(self._some.bit_length() - 1)
        if not self._sizes >> bits:
            return None
        address = self._take(bits)
        self._taken[address] = size
        self._count(size, 1 << bits)
        return address

    def give_back(self, address: int, size: int) -> None:
        """Take back what was taken at ``address``."""
        word, bit = address >> WORD_BITS, _BIT[address >> PAGE_BITS & 63]
        page = self._borrowed[word] & bit and not self._words[word] & bit
        taken = PAGE_SIZE if page and not address % PAGE_SIZE else self._taken.get(address)
        if taken != size:
            held = "nothing is taken" if taken is None else f"{taken:#x} bytes are taken"
            raise AllocError(f"{held} at {address:#x}, {size:#x} are given back")
        if not page:
            bits = max(PAGE_BITS, (size - 1).bit_length())
            del self._taken[address]
            self._count(-size, -1 << bits)
            self._release(address, bits)
            return
        self.free += PAGE_SIZE
        self.used -= PAGE_SIZE
        self._words[word] |= bit
        if word != self._current:  # that one stays, or a page to and fro would cost much
            if self._words[word] == bit:
                self._some |= 1 << word
            if self._words[word] == self._borrowed[word]:
                self._return_word(word)

    def _count(self, used: int, block: int) -> None:
        self.free -= block
        self.used += used
        self.waste += block - used

    def _return_word(self, word: int) -> None:
        """Give the free pages of one that has some back to the buddy system."""
        free, base = self._words[word], word << WORD_BITS
        self._words[word], self._borrowed[word] = 0, self._borrowed[word] ^ free
        self._some ^= 1 << word
        if free == _FULL:
            self._release(base, WORD_BITS)
        else:
            for number in filter(lambda number: free & _BIT[number], range(64)):
                self._release(base | number << PAGE_BITS, PAGE_BITS)

    def _take(self, bits: int) -> int:
        """Take 2^bits bytes out of the smallest block that is large enough; there is one."""
        fitting, blocks = self._sizes >> bits, self._blocks
        size = bits + (fitting & -fitting).bit_length() - 1
        address, _ = blocks[size].popitem()
        self._sizes ^= (1 << size) - (1 << bits) | (not blocks[size]) << size
        for half in range(bits, size):  # there were none of these sizes
            blocks[half][address + (1 << half)] = None
        return address

    def _release(self, address: int, bits: int) -> None:
        """Put a block among the free ones, after merging it with its neighbours."""
        while (buddy := address ^ 1 << bits) in self._blocks[bits]:
            del self._blocks[bits][buddy]
            if not self._blocks[bits]:
                self._sizes ^= 1 << bits
            address &= buddy
            bits += 1
        self._blocks[bits][address] = None
        self._sizes |= 1 << bits


class Memory:
    """The RAM of all nodes. Who takes some says to which node it shall be near."""

    def __init__(
        self, nodes: Sequence[Sequence[tuple[int, int]]], distances: Sequence[Sequence[int]]
    ) -> None:
        """Own the ranges, start and end, of each node; a row of distances is from one to all."""
        self._nodes = [_Node(ranges) for ranges in nodes]
        self._nearest = [
            [self._nodes[to] for to in sorted(range(len(nodes)), key=row.__getitem__)]
            for row in distances
        ]
        self._owned = sorted((*each, of) for of, ranges in enumerate(nodes) for each in ranges)
        for (_, end, _), (start, _, _) in pairwise(self._owned):
            if start < end:
                raise ValueError(f"the memory at {start:#x} is owned twice")

    def page(self, near: int = 0) -> int:
        """Take a page; return its address."""
        for node in self._nearest[near]:
            if node.free:
                return node.page()
        raise NoMemoryError("no page is free")

    def pages(self, count: int, near: int = 0) -> list[int]:
        """Take so many single pages, or none."""
        if count * PAGE_SIZE > sum(node.free for node in self._nodes):
            raise NoMemoryError(f"no {count} pages are free")
        return [self.page(near) for _ in range(count)]

    def block(self, size: int, near: int = 0) -> int:
        """Take adjacent memory of at least ``size`` bytes, aligned to the power of two above."""
        if size == PAGE_SIZE:
            return self.page(near)
        for node in self._nearest[near]:
            address = node.block(size)
            if address is not None:
                return address
        raise NoMemoryError(f"no {size:#x} adjacent bytes are free")

    def give_back(self, address: int, size: int = PAGE_SIZE) -> None:
        """Give back the ``size`` bytes that were taken at ``address``."""
        self._nodes[self.node_of(address)].give_back(address, size)

    def node_of(self, address: int) -> int:
        """Return the node that has ``address``."""
        for start, end, node in self._owned:
            if start <= address < end:
                return node
        raise AllocError(f"no node has the memory at {address:#x}")

    @property
    def ledger(self) -> tuple[int, int, int, int]:
        """Bytes: total, used, wasted, free; the first is the sum of the others."""
        total = sum(end - start for start, end, _ in self._owned)
        rows = [(node.used, node.waste, node.free) for node in self._nodes]
        used, waste, free = map(sum, zip(*rows, strict=True))
        return total, used, waste, free
