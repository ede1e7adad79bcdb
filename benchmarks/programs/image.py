"""Guest programs, assembled into images that any of the runners can start.

An image is loaded and entered at ``ORIGIN`` in the state of the Multiboot
Specification; ``long_mode.S``, with which each begins, says what it does then.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from vectoros.assembler import Source, assemble_sources

ORIGIN = 0x10_0000
"""Physical address of an image: 1 MiB, the first byte above the legacy hole."""

DEVICES = 0xFEC0_0000
"""Physical address of the 2 MiB that ``long_mode.S`` maps for memory-mapped devices."""

MIX = 0x10_8000
"""Where ``mix.bin`` lies (``mix.ld``): behind the tables of ``long_mode.S``."""

FLAT = 0x10_1000
"""Where ``flat.bin`` lies (``flat.ld``)."""

INSTRUCTIONS = 1_623_894
"""Instructions that one repetition of ``mix`` executes; tests/test_bench.py counts them."""

FLAT_INSTRUCTIONS = 1_622_896
"""The same for ``flat_mix``: 32-bit code has fewer registers."""

EVENTS = (
    "empty",
    "int-n",
    "page-fault",
    "undefined",
    "syscall",
    "port-read",
    "port-write",
    "device-read",
)
"""The loops of ``traps.S``, in the order of its table."""

DEVICE = 0xFED0_0000
"""Where ``device-read`` reads: the HPET of QEMU's ``pc`` machine. On ours see runners.py."""

_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Image:
    """A program: bytes to place at :data:`ORIGIN`, and where to enter them."""

    data: bytes
    entry: int


def mix(repetitions: int, *, nx: bool = True) -> Image:
    """Return the compiled mix of work, done ``repetitions`` times, in long mode.

    ``nx``: the pages of its data cannot be executed.
    """
    start = _assemble("mix", REPETITIONS=repetitions, MIX=MIX, DATA_NX=int(nx))
    return _with(start, MIX, "mix.bin")


def flat_mix(repetitions: int) -> Image:
    """Return the same work as 32-bit code, in flat protected mode without paging."""
    parts = [_names(), _source("flat.S")]
    start = _image(parts, REPETITIONS=repetitions, FLAT=FLAT)
    return _with(start, FLAT, "flat.bin")


def _with(start: Image, at: int, name: str) -> Image:
    """Return ``start`` with the compiled code of file ``name`` at address ``at``."""
    compiled = (_FOLDER / name).read_bytes()
    return Image(start.data.ljust(at - ORIGIN, b"\0") + compiled, start.entry)


def trap(event: str, count: int) -> Image:
    """Return the loop that makes ``event``, one of :data:`EVENTS`, happen ``count`` times."""
    index = EVENTS.index(event)
    return _assemble("traps", EVENT=index, COUNT=count, DEVICE_OFFSET=DEVICE - DEVICES)


def stores(pages: int) -> Image:
    """Return the program that stores to ``pages`` pages without end."""
    return _assemble("stores", PAGES=pages)


@functools.cache
def _assemble(name: str, *, DATA_NX: int = 1, **constants: int) -> Image:
    parts = [_names(), _source("long_mode.S"), _source(f"{name}.S")]
    return _image(parts, DEVICES=DEVICES, DATA_NX=DATA_NX, **constants)


def _image(parts: list[Source], **constants: int) -> Image:
    program = assemble_sources(parts, origin=ORIGIN, constants=constants, bits=32)
    return Image(program.code, program.symbols["entry"])


def _names() -> Source:
    """Return the names of the architecture's bits, which all programs use."""
    return Source("x86.S", files("vectoros.firmware").joinpath("x86.S").read_text())


def _source(name: str) -> Source:
    return Source(name, (_FOLDER / name).read_text(encoding="utf-8"))
