"""The machine that the cases run on: our kernel and one program, the puppet, with everything.

Both runners start from the same bytes of RAM, so physical addresses are the same in both.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.conformance.kernel.script import constants
from tests.kernel_stubs.direct import ROOT, enter, kernel_with, pieces
from vectoros.api import Machine
from vectoros.config import Config
from vectoros.elf_symbols import symbols
from vectoros.image.pieces import Piece
from vectoros.kernel.boot_record import Screen
from vectoros.units import MIB

MEMORY = 16 * MIB
SCREEN = Screen(14 * MIB, 512, 1024, 2048, 32)
"""A device whose memory is the only untyped of a device's."""

SOURCE = ROOT / "tests" / "guest" / "programs" / "puppet.S"
GRANTS = ("console", "power", "clock", "inspect")
PRIORITY = 200

VIRTUAL = 0x44_0000
COMMON = 0x44_1000
AREAS = 0x44_2000


def manifest(folder: Path, name: str = "puppet") -> Path:
    """Write the manifest of an image with the kernel and the puppet."""
    header = folder / "steps.S"
    header.write_text("".join(f".set {name}, {value}\n" for name, value in constants().items()))
    grants = ", ".join(f'"{grant}"' for grant in GRANTS)
    sources = ", ".join(f'"{path}"' for path in (ROOT / "firmware" / "x86.S", header, SOURCE))
    row = (
        f'[[program]]\nname = "{name}"\nvirtual = {VIRTUAL}\nsources = [{sources}]\n'
        f'sections = {{ text = "rx", data = "rw" }}\npriority = {PRIORITY}\ngrants = [{grants}]\n'
    )
    return kernel_with(folder / "puppet.toml", row)


@functools.cache
def image() -> tuple[Piece, ...]:
    """Return the kernel and the puppet, assembled."""
    with tempfile.TemporaryDirectory() as folder:
        return tuple(pieces(manifest(Path(folder))))


@functools.cache
def labels() -> Mapping[str, int]:
    """Return the addresses of the puppet's labels."""
    file = next(content for entry, content in image() if entry.name == "puppet")
    return {symbol.name: symbol.value for symbol in symbols(file)}


def machine(engine: str = "fast") -> Machine:
    """Return a machine about to enter the kernel."""
    made = Machine(Config(memory=MEMORY, engine=engine))
    enter(made, image(), SCREEN)
    return made


@functools.cache
def memory() -> bytes:
    """Return RAM as the kernel finds it at BOOT."""
    with machine() as made:
        return made.memory.read(0, MEMORY)
