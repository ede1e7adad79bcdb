"""Memory without a machine."""

from __future__ import annotations


def difference(one: bytearray, other: bytearray) -> str | None:
    """Return where the first byte differs; a diff of all memory would take minutes."""
    if one == other:
        return None
    at = next(index for index, pair in enumerate(zip(one, other, strict=True)) if len({*pair}) > 1)
    return f"at {at:#x}: {one[at]:#x}, not {other[at]:#x}"


class PlainMemory:
    """Memory that is only bytes."""

    def __init__(self, data: bytearray) -> None:
        """Use ``data`` itself, not a copy of it."""
        self.data = data
        self.view = memoryview(data)

    def write(self, address: int, data: bytes) -> None:
        """Store ``data``; bytes that fall outside are lost."""
        self.data[address : address + len(data)] = data[: max(0, len(self.data) - address)]
