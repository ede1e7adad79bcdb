"""Where a kernel is looked at: a snapshot of a machine, or its RAM as a file of bytes.

Promise: a file that holds no kernel is a :class:`BadFileError`, whatever is in it. Memory
that the file leaves out is not touched, so that a small file of a large machine is cheap.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from pathlib import Path

from vectoros import snapshot_file
from vectoros.errors import BadFileError
from vectoros.files import reading
from vectoros.kernel.memory import Ram
from vectoros.kernel.root import Root
from vectoros.kernel_image import inspect
from vectoros.layout import MAXIMUM_RAM
from vectoros.units import PAGE_SIZE


class ImageMemory:
    """RAM that was read from a file; writing to it changes no file."""

    def __init__(self, size: int) -> None:
        """Have ``size`` bytes, all zero."""
        self.view = memoryview(mmap.mmap(-1, size))

    def write(self, address: int, data: bytes) -> None:
        """Store ``data`` at ``address``."""
        self.view[address : address + len(data)] = data


@dataclass(frozen=True)
class Image:
    """A kernel in a file."""

    path: Path
    tick: int | None
    """When a snapshot was taken; of bytes alone, nobody knows."""
    root: Root


def load(path: Path) -> Image:
    """Return the kernel in the file at ``path``."""
    with reading(path) as file:
        start = file.read(len(snapshot_file.MAGIC))
    tick, memory = _snapshot(path) if start == snapshot_file.MAGIC else (None, _bytes(path))
    address = inspect.find_root(memory)
    if address is None:
        raise BadFileError(path, "holds no kernel: there is no root object in its memory")
    return Image(path, tick, Root(Ram(memory), address))


def _snapshot(path: Path) -> tuple[int, ImageMemory]:
    saved = snapshot_file.load(path)
    size = saved.fingerprint["memory"]
    if not isinstance(size, int) or not 0 < size <= MAXIMUM_RAM or size % PAGE_SIZE:
        raise BadFileError(path, f"is of no machine that can be built: it has {size} bytes of RAM")
    memory = ImageMemory(size)
    for page, data in saved.ram.contents().items():
        if page < size // PAGE_SIZE:  # what is above is video memory
            memory.write(page * PAGE_SIZE, data)
    tick: int = saved.state["tick"]
    return tick, memory


def _bytes(path: Path) -> ImageMemory:
    with reading(path) as file:
        size = file.seek(0, 2)
        if not size or size % PAGE_SIZE or size > MAXIMUM_RAM:
            raise BadFileError(
                path,
                "is neither a snapshot nor RAM: it does not start with VXSNAP, and RAM is 1 to "
                f"{MAXIMUM_RAM // PAGE_SIZE} pages of {PAGE_SIZE} bytes, not {size} bytes",
            )
        memory = ImageMemory(size)
        file.seek(0)
        file.readinto(memory.view)
    return memory
