"""Building the BIOS's ROM from its sources: the same bytes on every host.

The ROM is committed as firmware/bios.bin, because assembling takes longer than
booting; a test compares.
"""

from __future__ import annotations

from pathlib import Path

from vectoros import firmware
from vectoros.assembler import Program, Source, assemble_sources
from vectoros.boot import frame
from vectoros.boot.time_service import POST
from vectoros.errors import hold
from vectoros.layout import BIOS_SHADOW, BOOT_SECTOR, PORTS

ROM_SIZE = 64 << 10
RESET_VECTOR = 0xFFF0
"""Offset in the ROM of the CPU's first instruction (Intel SDM Vol. 3A)."""

SOURCES = ("x86.S", "bios.S", "interrupts.S", "post.S", "uart.S", "boot_device.S")
EMPTY = b"\xff"
"""What a ROM holds where nothing was written."""


def build() -> bytes:
    """Return the ROM."""
    program, reset = programs()
    hold(len(program.code) <= RESET_VECTOR, f"the BIOS has {len(program.code)} bytes of code")
    image = program.code.ljust(RESET_VECTOR, EMPTY) + reset.code
    hold(len(image) == ROM_SIZE, f"the ROM has {len(image)} bytes")
    return image


def programs() -> tuple[Program, Program]:
    """Return the BIOS and the code at the reset vector, as offsets in the ROM."""
    folder = Path(firmware.__file__).parent

    def read(name: str) -> Source:
        return Source(name, (folder / name).read_text(encoding="utf-8"))

    names = constants()
    program = assemble_sources([read(name) for name in SOURCES], constants=names, bits=16)
    names["BIOS_ENTRY"] = program.symbols["post"]
    reset = assemble_sources([read("reset.S")], origin=RESET_VECTOR, constants=names, bits=16)
    return program, reset


def constants() -> dict[str, int]:
    """Return every number that the BIOS's sources use by name."""
    return {
        **{f"PORT_{area.name.upper()}": area.base for area in PORTS},
        **frame.constants(),
        "BIOS_SEGMENT": BIOS_SHADOW >> 4,
        "BIOS_POST": POST,
        "BOOT_SECTOR": BOOT_SECTOR,
    }
