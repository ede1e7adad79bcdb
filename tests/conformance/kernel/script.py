"""Steps as the puppet reads them: records in the pages of its threads.

The puppet (tests/guest/programs/puppet.S) is assembled with :func:`constants`.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from tests.conformance.kernel.step import CAPABILITY_WORD, MESSAGE_WORD, Answer, Kind, Step
from vectoros.kernel.message import REGISTERS
from vectoros.units import PAGE_SIZE

FUZZ = {
    "NEXT": 8, "COUNT": 16,
    "SIZE": 200, "WORDS": 72, "WORD_COUNT": 7, "TAIL_COUNT": 9,
    "TRAPS": 2 * 8 * PAGE_SIZE, "BUFFER": 2 * 8 * PAGE_SIZE - PAGE_SIZE,
}  # fmt: skip
"""Where the loop of random traps finds them (tests/properties/test_fuzz_ring3.py): in the common
page, which is next and how many there are; then registers, message words and the rest of
the buffer; in the areas, all of them, and the IPC buffer."""

THREADS = ("root", "a", "b", "c")

AREA_SIZE = 8 * PAGE_SIZE
BUFFER = AREA_SIZE - PAGE_SIZE
"""Offset of the IPC buffer in an area; the first thread has another, and uses this for data."""

SCRIPT_SIZE = BUFFER

_HEAD = struct.Struct("<4Q9Q7Q2Q4Q")
_STARTED, _ENDED, _ANSWER = 2, 3, 13
_PAIR = struct.Struct("<2Q")
NEVER = (1 << 64) - 1
"""In place of a number: not yet."""

SPIN_TICKS = 5
"""Bytes of the puppet's loop."""

OFFSETS = {
    "KIND": 0, "SIZE": 1, "STARTED": _STARTED, "ENDED": _ENDED,
    "RAX": 4, "RDI": 5, "RSI": 6, "RDX": 7, "R10": 8, "R8": 9, "R9": 10, "R12": 11, "R13": 12,
    "ANSWER": _ANSWER, "INPUTS": 20, "OUTPUTS": 21,
    "TIMES": 22, "NEXT_SLOT": 23, "NEXT_CAPABILITY": 24,
    "LEFT": 25, "PAIRS": 26,
}  # fmt: skip


def constants() -> dict[str, int]:
    """Return the numbers that the puppet uses by name."""
    return {
        **{f"STEP_{name}": 8 * index for name, index in OFFSETS.items()},
        **{f"KIND_{kind.name}": kind.value for kind in Kind},
        "CAPABILITY_WORD": 8 * CAPABILITY_WORD,
        "MESSAGE_WORDS": 8 * (MESSAGE_WORD + REGISTERS),
        **{f"FUZZ_{name}": value for name, value in FUZZ.items()},
        "AREA_SIZE": AREA_SIZE,
        "AREA_COUNT": len(THREADS),
    }


def size_of(step: Step) -> int:
    """Return the bytes of the step's record."""
    return _HEAD.size + _PAIR.size * (len(step.inputs) + len(step.reads))


def pack(steps: Sequence[Step]) -> bytes:
    """Return the records of one thread's steps."""
    script = b"".join(map(_record, steps))
    if len(script) > SCRIPT_SIZE - 8:
        raise ValueError(f"a script has {len(script)} bytes; {SCRIPT_SIZE - 8} fit")
    return script + bytes(8)


def _record(step: Step) -> bytes:
    registers = step.registers
    if step.kind is Kind.SPIN:
        registers = (step.rax // SPIN_TICKS, *registers[1:])
    head = _HEAD.pack(
        step.kind, size_of(step), NEVER, NEVER, *registers, *(0,) * 7,
        len(step.inputs), len(step.reads), step.times, step.next_slot, step.next_capability, 0,
    )  # fmt: skip
    pairs = (*step.inputs, *((index, 0) for index in step.reads))
    return head + b"".join(_PAIR.pack(index, word) for index, word in pairs)


def unpack(steps: Sequence[Step], script: bytes) -> list[tuple[int, Answer | None]]:
    """Return when each step started, and its answer."""
    found: list[tuple[int, Answer | None]] = []
    at = 0
    for step in steps:
        head = _HEAD.unpack_from(script, at)
        pairs = at + _HEAD.size + _PAIR.size * len(step.inputs)
        reads = tuple(
            _PAIR.unpack_from(script, pairs + _PAIR.size * number)[1]
            for number in range(len(step.reads))
        )
        ended = head[_ENDED] != NEVER
        answer = (*head[_ANSWER : _ANSWER + 7], *reads) if ended else None
        found.append((head[_STARTED], answer))
        at += size_of(step)
    return found
