"""Memory without a machine."""

from __future__ import annotations


class PlainMemory:
    """Memory that is only bytes."""

    def __init__(self, data: bytearray) -> None:
        """Use ``data`` itself, not a copy of it."""
        self.data = data
        self.view = memoryview(data)

    def write(self, address: int, data: bytes) -> None:
        """Store ``data``; bytes that fall outside are lost."""
        self.data[address : address + len(data)] = data[: max(0, len(self.data) - address)]
