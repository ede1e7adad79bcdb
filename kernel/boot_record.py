"""The boot record: what the boot code tells the kernel about the machine.

Stage 2 fills one page with it (firmware/stage2.S) and the kernel reads it once, at
BOOT. The counts in it are believed only as far as the tables have room.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from vectoros.kernel.views import Field, View

BOOT_RECORD = 0x5000
"""Physical address; one page."""

MAGIC = b"VXBOOT\x03\0"

COMMAND_LINE = 0x38
COMMAND_LINE_SIZE = 128
"""Bytes, the zero at the end included."""

MEMORY = 0x100
MAX_MEMORY = 32
MODULES = 0x400
MAX_MODULES = 32
NAME_SIZE = 16

MEMORY_RAM = 1
"""The type of usable memory in E820's answers (ACPI, "Address Range Types")."""


class MemoryRange(View):
    """One answer of INT 15h, E820h."""

    SIZE = 24

    base = Field(0x00, "first byte")
    length = Field(0x08, "bytes")
    kind = Field(0x10, "1 is RAM; everything else is not ours", width=4)
    attributes = Field(0x14, "extended attributes of ACPI 3.0", width=4)


class Module(View):
    """A file of the image, in memory as a whole."""

    SIZE = 48

    start = Field(0x10, "physical address of the file's first byte")
    size_ = Field(0x18, "bytes")
    kind = Field(0x20, "PROGRAM or DATA, as in the image's directory", width=2)
    priority = Field(0x22, "of the program's first thread", width=2)
    grants = Field(0x24, "bits of what the program is given at boot", width=2)

    @property
    def name(self) -> str:
        """What the image calls it; the first 16 bytes of the entry."""
        raw = bytes(self.ram.view[self.address : self.address + NAME_SIZE])
        return raw.split(b"\0")[0].decode("ascii", "replace")


class Screen(NamedTuple):
    """A linear framebuffer."""

    base: int
    width: int
    height: int
    pitch: int
    bpp: int

    @property
    def size(self) -> int:
        """Bytes."""
        return self.pitch * self.height


class BootRecord(View):
    """The record itself."""

    magic = Field(0x00, "VXBOOT, version 3")
    memory_count = Field(0x08, "entries of the memory map", width=4)
    module_count = Field(0x0C, "entries of the table of modules", width=4)
    kernel_end = Field(0x10, "first free physical byte after kernel and modules")
    directory = Field(0x18, "physical address of the image's directory")
    screen_base = Field(0x20, "physical address of the framebuffer; 0 without one")
    screen_width = Field(0x28, "pixels", width=4)
    screen_height = Field(0x2C, "pixels", width=4)
    screen_pitch = Field(0x30, "bytes from one line to the next", width=4)
    screen_bpp = Field(0x34, "bits of a pixel", width=4)

    kernel_space = Field(0xB8, "physical address of the kernel's PML4, which stage 2 has built")

    @property
    def valid(self) -> bool:
        """Whether it is a record at all, of the version that this module describes."""
        return self.magic == int.from_bytes(MAGIC, "little")

    @property
    def command_line(self) -> bytes:
        """What was typed after the name of the boot entry, without the zero."""
        start = self.address + COMMAND_LINE
        return bytes(self.ram.view[start : start + COMMAND_LINE_SIZE - 1]).split(b"\0")[0]

    @property
    def screen(self) -> Screen:
        """The framebuffer."""
        return Screen(*(getattr(self, f"screen_{name}") for name in Screen._fields))

    @property
    def memory(self) -> Iterator[MemoryRange]:
        """The memory map, in the order in which the BIOS gave it."""
        for index in range(min(self.memory_count, MAX_MEMORY)):
            yield MemoryRange(self.ram, self.address + MEMORY + index * MemoryRange.SIZE)

    @property
    def modules(self) -> Iterator[Module]:
        """The modules, in the order of the image's directory."""
        for index in range(min(self.module_count, MAX_MODULES)):
            yield Module(self.ram, self.address + MODULES + index * Module.SIZE)
