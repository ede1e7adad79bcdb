"""A BIOS frame: the caller's registers on the guest's stack, and what to do for it.

firmware/bios.S pushes the frame and carries out what a service has put into it.
This module is the only place where its layout is written; the assembly sees it as
the constants that :func:`constants` returns.

A frame lives in guest RAM and so does everything that a service must remember from
one call to the next: ``step`` and ``scratch`` are zero at the first call. Frames
come from guests: any address, and any contents, are good enough to serve.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Protocol

OP_SIZE = 8
OPS = 16
"""Operations that a frame has room for."""

OPS_AT = 16
ES_AT = OPS_AT + OPS * OP_SIZE
GPR_AT = ES_AT + 4
VECTOR_AT = GPR_AT + 32
FRAME_SIZE = VECTOR_AT + 8

CF = 1 << 0
ZF = 1 << 6
IF = 1 << 9

SPIN_TICKS = 64
"""Length in ticks of one turn of the loop behind :attr:`Op.SPIN` (firmware/bios.S)."""


class Action(IntEnum):
    """What the stub does when a service returns."""

    DONE = 0
    AGAIN = 1
    """Carry the operations out and call the service again."""

    WAIT = 2
    """The same, after the next interrupt."""


class Op(IntEnum):
    """One operation, by real instructions of the guest."""

    OUT8 = 0
    IN8 = 1
    SEND = 2
    """Send a byte to COM1 when it is ready."""

    OUT_INDEX8 = 3
    """Write an index to a port, then the value to the next port."""

    IN_INDEX8 = 4
    OUT_INDEX16 = 5
    IN_INDEX16 = 6
    SPIN = 7
    """Pass so many times :data:`SPIN_TICKS`."""


class RamLike(Protocol):
    """What a service needs of memory: :class:`vectoros.memory.Memory` has it."""

    def read(self, address: int, size: int) -> bytes:
        """Return ``size`` bytes; where nothing is they are all ones."""

    def write(self, address: int, data: bytes) -> None:
        """Store ``data``; what falls outside is lost."""


class _Field:
    """A little-endian number in a frame; a value that is too large loses its high bits."""

    def __init__(self, at: int, width: int) -> None:
        self.at = at
        self.width = width

    def __get__(self, frame: Frame, owner: type) -> int:
        return int.from_bytes(frame.data[self.at : self.at + self.width], "little")

    def __set__(self, frame: Frame, value: int) -> None:
        value &= (1 << 8 * self.width) - 1
        frame.data[self.at : self.at + self.width] = value.to_bytes(self.width, "little")


class Frame:
    """The frame at ``address``; :meth:`store` writes back what has become of it."""

    action = _Field(0, 1)
    count = _Field(1, 1)
    serial = _Field(2, 2)
    """INT 16h only: 100h and the byte that has just come from the serial port, or 0."""

    step = _Field(4, 4)
    scratch = _Field(8, 8)

    es = _Field(ES_AT, 2)
    ds = _Field(ES_AT + 2, 2)
    di, edi = _Field(GPR_AT, 2), _Field(GPR_AT, 4)
    si, esi = _Field(GPR_AT + 4, 2), _Field(GPR_AT + 4, 4)
    bp, ebp = _Field(GPR_AT + 8, 2), _Field(GPR_AT + 8, 4)
    bx, ebx = _Field(GPR_AT + 16, 2), _Field(GPR_AT + 16, 4)
    bl, bh = _Field(GPR_AT + 16, 1), _Field(GPR_AT + 17, 1)
    dx, edx = _Field(GPR_AT + 20, 2), _Field(GPR_AT + 20, 4)
    dl, dh = _Field(GPR_AT + 20, 1), _Field(GPR_AT + 21, 1)
    cx, ecx = _Field(GPR_AT + 24, 2), _Field(GPR_AT + 24, 4)
    cl, ch = _Field(GPR_AT + 24, 1), _Field(GPR_AT + 25, 1)
    ax, eax = _Field(GPR_AT + 28, 2), _Field(GPR_AT + 28, 4)
    al, ah = _Field(GPR_AT + 28, 1), _Field(GPR_AT + 29, 1)

    vector = _Field(VECTOR_AT, 2)
    ip = _Field(VECTOR_AT + 2, 2)
    cs = _Field(VECTOR_AT + 4, 2)
    flags = _Field(VECTOR_AT + 6, 2)

    def __init__(self, memory: RamLike, address: int) -> None:
        """Read the frame."""
        self._memory = memory
        self._address = address
        self.data = bytearray(memory.read(address, FRAME_SIZE))
        self.action = Action.DONE
        self._results = 0
        self._ops = 0

    def store(self) -> None:
        """Write the frame back."""
        self.count = self._ops
        self._memory.write(self._address, bytes(self.data))

    # -- flags ---------------------------------------------------------------

    @property
    def carry(self) -> bool:
        """CF as the caller will see it."""
        return bool(self.flags & CF)

    @carry.setter
    def carry(self, value: bool) -> None:
        self.flags = self.flags & ~CF | (CF if value else 0)

    @property
    def zero(self) -> bool:
        """ZF as the caller will see it."""
        return bool(self.flags & ZF)

    @zero.setter
    def zero(self, value: bool) -> None:
        self.flags = self.flags & ~ZF | (ZF if value else 0)

    # -- operations ----------------------------------------------------------

    @property
    def room(self) -> int:
        """How many operations still fit."""
        return OPS - self._ops

    def operate(self, kind: Op, port: int = 0, value: int = 0, index: int = 0) -> None:
        """Add an operation, of which there must not be more than :data:`OPS`."""
        at = OPS_AT + self._ops * OP_SIZE
        self._ops += 1
        packed = bytes((kind, index & 0xFF)) + (port & 0xFFFF).to_bytes(2, "little")
        self.data[at : at + OP_SIZE] = packed + (value & 0xFFFF_FFFF).to_bytes(4, "little")

    def result(self, number: int) -> int:
        """Return what operation ``number`` of the last call has read."""
        at = OPS_AT + number % OPS * OP_SIZE + 4
        return int.from_bytes(self.data[at : at + 4], "little")

    def again(self, step: int) -> None:
        """Be called again as ``step``, when the operations are done."""
        self.action = Action.AGAIN
        self.step = step


def linear(segment: int, offset: int) -> int:
    """Return the linear address of ``segment``:``offset`` in real mode.

    >>> hex(linear(0xF000, 0xFFF0))
    '0xffff0'
    """
    return (segment << 4) + offset


def constants() -> dict[str, int]:
    """Return the layout under the names that assembly uses."""
    return {
        "BIOS_FRAME_ACTION": 0,
        "BIOS_FRAME_COUNT": 1,
        "BIOS_FRAME_SERIAL": 2,
        "BIOS_FRAME_STEP": 4,
        "BIOS_FRAME_SCRATCH": 8,
        "BIOS_FRAME_OPS": OPS_AT,
        "BIOS_FRAME_ES": ES_AT,
        "BIOS_FRAME_VECTOR": VECTOR_AT,
        "BIOS_OP_KIND": 0,
        "BIOS_OP_INDEX": 1,
        "BIOS_OP_PORT": 2,
        "BIOS_OP_VALUE": 4,
        "BIOS_OP_SIZE": OP_SIZE,
        **{f"BIOS_{action.name}": action.value for action in Action},
        **{f"BIOS_OP_{op.name}": op.value for op in Op},
    }
