"""kallsyms: the names that a running Linux kernel has of itself, read out of its memory.

Every kernel with CONFIG_KALLSYMS (all distributions have it) carries its symbols in
its read-only data, compressed. So a crash of an unmodified kernel has names without
any file, moved to where KASLR has put it, because the kernel's own loader has moved
them. Where the tables lie is not told; they are found by what they must look like,
and nothing is believed that does not fit everything else.

Sources: Linux's ``scripts/kallsyms.c`` and ``kernel/kallsyms.c``, 4.6 (BASE_RELATIVE)
to 6.12. The tables, each at a multiple of 8 bytes: [offsets, relative_base,] num_syms,
names, markers, [seqs_of_names,] token_table, token_index [, offsets, relative_base].
Those in the first brackets were moved to the last ones in 6.5.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from vectoros.symbols.table import MAX_REACH, Place

DIGITS = b"".join(b"%d\0" % digit for digit in range(10))
"""Part of every token table: a character that names have is its own token."""

_FIRST_DIGIT = ord("0")
_TOKENS = 256
_TABLE_BYTES = 8192
"""No token table is longer; an offset into it has 16 bits, and real ones have 1 KiB."""

_BLOCK = 256
"""Every so many names have a marker, which says where they begin."""

FEWEST, MOST = 100, 1_000_000
"""Symbols of a kernel."""

_NAMES_BYTES = 32 << 20
"""All compressed names together take no more; those of Debian's kernel take 2 MiB."""

_UPPER_HALF = 0xFFFF_8000_0000_0000

Buffer = memoryview
Offsets = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class _Tokens:
    """The token table and its index."""

    start: int
    end: int
    """Behind the index."""
    texts: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class _Names:
    """The compressed names."""

    count_at: int
    """Where num_syms lies."""
    data: bytes
    parts: list[slice]
    """Where the tokens of each name are in ``data``."""


class Kallsyms:
    """The symbols of a kernel. See :class:`vectoros.symbols.table.Symbols`."""

    source = "the kernel's own table in its memory (kallsyms)"

    def __init__(self, tokens: _Tokens, names: _Names, addresses: Offsets) -> None:
        """Take what :func:`find` has found."""
        self._tokens = tokens
        self._names = names
        self._addresses = addresses

    def find(self, address: int, ring: int = 0) -> Place | None:
        """See :class:`vectoros.symbols.table.Symbols`."""
        if ring or not _UPPER_HALF <= address < 1 << 64:
            return None
        wanted = np.uint64(address)
        last = int(np.searchsorted(self._addresses, wanted, side="right")) - 1
        if last < 0 or int(self._addresses[last]) < _UPPER_HALF:
            return None
        start = int(self._addresses[last])
        first = int(np.searchsorted(self._addresses, self._addresses[last], side="left"))
        behind = int(self._addresses[last + 1]) if last + 1 < len(self._addresses) else None
        size = 0 if behind is None or behind - start > MAX_REACH else behind - start
        if address - start >= (size or MAX_REACH):
            return None
        return Place(self.name(first), address - start, size)

    def address(self, name: str) -> int | None:
        """See :class:`vectoros.symbols.table.Symbols`."""
        return self._by_name.get(name)

    def __len__(self) -> int:
        """See :class:`vectoros.symbols.table.Symbols`."""
        return len(self._addresses)

    def name(self, index: int) -> str:
        """Return the name of the symbol ``index``, without the letter of its type."""
        tokens = self._tokens.texts
        text = b"".join(tokens[code] for code in self._names.data[self._names.parts[index]])
        return text[1:].decode("ascii", "backslashreplace")

    @cached_property
    def _by_name(self) -> dict[str, int]:
        everything = range(len(self._addresses) - 1, -1, -1)  # of equal names the first counts
        return {self.name(index): int(self._addresses[index]) for index in everything}


def find(memory: Buffer) -> Kallsyms | None:
    """Return the symbols of the kernel in ``memory``, or None if there is none."""
    for match in re.finditer(re.escape(DIGITS), memory):
        tokens = _token_table(memory, match.start())
        if tokens is None:
            continue
        for names in _names_before(memory, tokens):
            addresses = _addresses(memory, names, tokens)
            if addresses is not None:
                return Kallsyms(tokens, names, addresses)
    return None


def _token_table(memory: Buffer, digits: int) -> _Tokens | None:
    """Return the token table that has :data:`DIGITS` at ``digits``, if its index says so."""
    low = max(digits - _TABLE_BYTES, 0)
    before = bytes(memory[low:digits])
    start = len(before)
    for _ in range(_FIRST_DIGIT):
        start = before.rfind(b"\0", 0, max(start - 1, 0)) + 1
        if not start:
            return None
    begin = low + start
    texts = bytes(memory[begin : begin + _TABLE_BYTES]).split(b"\0", _TOKENS)[:_TOKENS]
    if len(texts) < _TOKENS:
        return None
    offsets, end = [], 0
    for text in texts:
        offsets.append(end)
        end += len(text) + 1
    index_at = _align(begin + end)
    index = bytes(memory[index_at : index_at + 2 * _TOKENS])
    if index != b"".join(offset.to_bytes(2, "little") for offset in offsets):
        return None
    return _Tokens(begin, index_at + len(index), tuple(texts))


def _names_before(memory: Buffer, tokens: _Tokens) -> Iterator[_Names]:
    """Yield what may be num_syms and names in front of the token table, nearest first."""
    low = _align(max(tokens.start - _NAMES_BYTES, 0))
    end = tokens.start & ~7
    if end <= low:
        return
    counts = np.frombuffer(memory[low:end], dtype="<u8")
    for index in np.flatnonzero((counts >= FEWEST) & (counts <= MOST))[::-1].tolist():
        names = _names_at(memory, low + 8 * index, int(counts[index]), tokens.start)
        if names is not None:
            yield names


def _names_at(memory: Buffer, count_at: int, count: int, limit: int) -> _Names | None:
    """Return the ``count`` names behind ``count_at`` if the markers behind them agree."""
    first = count_at + 8
    if first + 2 * count > limit:  # a name is a length and a token, at least
        return None
    data = bytes(memory[first:limit])
    parts, markers, at = [], [], 0
    for number in range(count):
        if at + 2 > len(data):
            return None
        if number % _BLOCK == 0:
            markers.append(at)
        length = data[at]
        at += 1
        if length & 0x80:  # since 6.1: seven bits a byte, the low ones first
            length = length & 0x7F | data[at] << 7
            at += 1
        if not length:
            return None
        parts.append(slice(at, at + length))
        at += length
    at = _align(first + at) - first
    told = np.array(markers, "<u4").tobytes()
    return _Names(count_at, data[:at], parts) if data.startswith(told, at) else None


def _addresses(memory: Buffer, names: _Names, tokens: _Tokens) -> Offsets | None:
    """Return the addresses of all symbols, in ascending order, if they are where they may be."""
    size = 4 * len(names.parts)
    for offsets_at, base_at in (
        (names.count_at - 8 - _align(size), names.count_at - 8),
        (_align(tokens.end), _align(_align(tokens.end) + size)),
    ):
        if offsets_at < 0 or base_at + 8 > len(memory):
            continue
        base = int.from_bytes(memory[base_at : base_at + 8], "little")
        offsets = np.frombuffer(memory[offsets_at : offsets_at + size], dtype="<i4")
        if base >= _UPPER_HALF:
            found = _absolute(base, offsets)
            if bool(np.all(found[1:] >= found[:-1])) and int(found[-1]) > base:
                return found
    return None


def _absolute(base: int, offsets: Offsets) -> Offsets:
    """Return the addresses that ``offsets`` stand for (kallsyms_sym_address())."""
    wide = offsets.astype(np.int64)
    if bool(np.any(wide < 0)):  # CONFIG_KALLSYMS_ABSOLUTE_PERCPU: others are absolute
        moved = (np.uint64(base) - np.uint64(1)) + (-wide).astype(np.uint64)
        return np.where(wide < 0, moved, wide.astype(np.uint64))
    return np.uint64(base) + wide.astype(np.uint64)


def _align(address: int) -> int:
    return -(-address // 8) * 8
