"""Memory as the kernel needs it: bytes that it can write, and nothing else.

The kernel's own objects are written in place. Whatever may be mapped into a
program, a frame, is written through ``write``, so that an emulator can forget the
code that it had translated from there.
"""

from __future__ import annotations

import sys
from typing import Protocol

from vectoros.errors import hold


class Memory(Protocol):
    """What a kernel runs on."""

    @property
    def view(self) -> memoryview:
        """All of RAM, from physical address 0, as writable bytes."""

    def write(self, address: int, data: bytes) -> None:
        """Store ``data`` at ``address``, in memory that may hold code."""


class Ram:
    """One memory seen two ways: as bytes and as words."""

    __slots__ = ("size", "view", "words", "write")

    def __init__(self, memory: Memory) -> None:
        """See ``memory``, whose size is a multiple of eight."""
        # A word of the view is the host's; every supported host agrees with x86.
        hold(sys.byteorder == "little", "the kernel runs on little-endian hosts")
        self.view = memory.view
        self.words = memory.view.cast("Q")
        self.write = memory.write
        self.size = len(memory.view)
