"""Declare a device's registers once, as data.

A register is a class attribute of its device. The declaration is the only place
that knows the offset: dispatch, documentation, the debugger's view and assembler
constants all read it from there. A wrong table fails when the class is made, not
when a guest first touches it.

What PC devices need, and how it is said:

* Two registers at one offset, one read and one written: ``Access.R``, ``Access.W``.
* Several behind one offset and direction: each names its *bank*, and the device's
  ``bank()`` says which bank answers. A bank's name is the data sheet's condition,
  such as ``"DLAB=1"``, so that the documentation reads like it.
* A side effect or a sequence: handlers, by decorators of the register.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any, Generic, Self, TypeAlias, TypeVar, overload

from vectoros.devices.fields import Bits, Fields
from vectoros.devices.state import Cell, Shape, integer

WIDTHS = (8, 4, 2, 1)
"""Widths that a register may have, in bytes."""

V = TypeVar("V", bound=int)


class Access(Enum):
    """What a guest may do to a register. Device code may always do both."""

    R = "r"
    W = "w"
    RW = "rw"
    W1C = "w1c"  # reads as stored; writing a 1 clears that bit
    RC = "r-clear"  # reads as stored, and is zero afterwards

    @property
    def readable(self) -> bool:
        """Whether a guest's read reaches the register."""
        return self is not Access.W

    @property
    def writable(self) -> bool:
        """Whether a guest's write reaches the register."""
        return self in (Access.W, Access.RW, Access.W1C)


class Register(Cell[V], Generic[V]):
    """One register at a fixed offset.

    ``kind`` is the type its value has: a :class:`Fields` class, or ``int`` for a
    plain number. With ``reset`` it holds a value, which starts there; without,
    it holds nothing, and handlers must serve what a guest may do to it.

    ``stream`` declares a data port: a wider access is several accesses to the
    same offset, and the offsets behind it may belong to other registers.
    """

    def __init__(
        self,
        offset: int,
        access: Access,
        kind: type[V],
        doc: str,
        *,
        width: int = 1,
        reset: int | None = None,
        bank: str | None = None,
        stream: bool = False,
    ) -> None:
        """Declare a register of ``width`` bytes, ``offset`` bytes into the device's area."""
        self.mask = kind.mask if issubclass(kind, Fields) else (1 << 8 * width) - 1
        shape = integer(0, self.mask)
        super().__init__(kind(reset or 0), Shape(shape.rule, shape.fits), doc)
        self.offset = offset
        self.access = access
        self.kind = kind
        self.width = width
        self.reset = reset
        self.bank = bank
        self.stream = stream
        self._read: Callable[[Any], int] | None = None
        self._after_read: Callable[[Any], None] | None = None
        self._written: Callable[[Any, Any], None] | None = None

    # The value, for device code: no access check and no side effect.

    @overload
    def __get__(self, holder: None, owner: type) -> Self: ...
    @overload
    def __get__(self, holder: object, owner: type) -> V: ...
    def __get__(self, holder: object | None, owner: type) -> Self | V:
        """Return the value held by ``holder``, or the declaration itself."""
        if holder is None:
            return self
        if self.reset is None:
            raise AttributeError(f"{type(holder).__name__}.{self.name} holds no value")
        value: V = holder.__dict__[self.name]
        return value

    def __set__(self, holder: object, value: int) -> None:
        """Store ``value`` without its reserved bits."""
        holder.__dict__[self.name] = self.kind(value & self.mask)

    @property
    def stored(self) -> bool:
        """Whether instances hold a value."""
        return self.reset is not None

    def save(self, value: V) -> int:
        """Return ``value`` as a plain number."""
        return int(value)

    # Handlers, as decorators.

    def read_by(self, handler: Callable[[Any], int]) -> Callable[[Any], int]:
        """Let ``handler`` compute what a read gives. It must have no side effect."""
        self._read = handler
        return handler

    def after_read(self, handler: Callable[[Any], None]) -> Callable[[Any], None]:
        """Let ``handler`` run after a guest has read the register: its side effect."""
        self._after_read = handler
        return handler

    def written_by(self, handler: Callable[[Any, V], None]) -> Callable[[Any, V], None]:
        """Let ``handler`` take a guest's write. Nothing is stored unless it does so."""
        self._written = handler
        return handler

    # A guest's accesses.

    def look(self, device: object) -> int | None:
        """Return what a guest would read, without side effects; None if there is no saying."""
        if self._read is not None:
            return self._read(device) & self.mask
        return int(getattr(device, self.name)) if self.stored else None

    def fetch(self, device: object) -> int:
        """Serve a guest's read."""
        # Written out: every access to a device comes through here.
        read = self._read
        value: int = device.__dict__[self.name] if read is None else read(device) & self.mask
        if self._after_read is not None:
            self._after_read(device)
        elif self.access is Access.RC:
            setattr(device, self.name, 0)
        return value

    def put(self, device: object, value: int) -> None:
        """Serve a guest's write."""
        if self._written is not None:
            self._written(device, self.kind(value & self.mask))
            return
        if self.access is Access.W1C:
            value = ~value & device.__dict__[self.name]
        device.__dict__[self.name] = self.kind(value & self.mask)

    # The declaration itself.

    def fault(self) -> str | None:
        """Return what is wrong with the declaration by itself, as a phrase."""
        if self.offset < 0 or self.width not in WIDTHS:
            return f"has offset {self.offset} and width {self.width}; a width is 1, 2, 4 or 8"
        if self.mask >> 8 * self.width:
            return f"has fields beyond its {8 * self.width} bits"
        if (self.reset or 0) & ~self.mask:
            return f"has a reset value {self.reset:#x} with reserved bits set"
        if self.stored:
            return None
        if self.access.readable and self._read is None:
            return "has no reset value and no handler for a read"
        if self.access.writable and self._written is None:
            return "has no reset value and no handler for a write"
        return None

    def clashes(self, other: Register[Any]) -> bool:
        """Whether one access could mean both registers."""
        both_read = self.access.readable and other.access.readable
        both_written = self.access.writable and other.access.writable
        one_bank = None in (self.bank, other.bank) or self.bank == other.bank
        mine, theirs = (1 if r.stream else r.width for r in (self, other))
        apart = self.offset + mine <= other.offset or other.offset + theirs <= self.offset
        return (both_read or both_written) and one_bank and not apart


Decoder: TypeAlias = dict[tuple[int, int], dict[str | None, Register[Any]]]
"""(offset, width) -> bank -> register, for one direction."""


def decoder(registers: Iterable[Register[Any]]) -> Decoder:
    """Return the table that finds one of ``registers``."""
    table: Decoder = {}
    for register in registers:
        table.setdefault((register.offset, register.width), {})[register.bank] = register
    return table


def plain(table: Decoder) -> dict[tuple[int, int], Register[Any]]:
    """Return the registers of ``table`` that a whole access finds without asking for a bank."""
    return {key: banks[None] for key, banks in table.items() if None in banks}


def check_registers(owner: str, registers: Iterable[Register[Any]]) -> None:
    """Raise :class:`TypeError` unless ``registers`` can be told apart and served."""
    seen: list[Register[Any]] = []
    for register in registers:
        if (fault := register.fault()) is not None:
            raise TypeError(f"{owner}.{register.name} {fault}")
        for other in seen:
            if register.clashes(other):
                raise TypeError(
                    f"{owner}.{other.name} and .{register.name} both claim "
                    f"offset {max(register.offset, other.offset):#x}"
                )
        seen.append(register)


def field_constants(prefix: str, field: Bits) -> dict[str, int]:
    """Return the assembler constants of one field: its mask and, if wider than a bit, its shift."""
    name = f"{prefix}_{field.name}"
    return {name: field.mask} | ({} if field.high == field.low else {f"{name}_SHIFT": field.low})
