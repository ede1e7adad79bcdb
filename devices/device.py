"""What every device is: registers, a place in virtual time, and a state.

Promises, which the board relies on:

    D1  An access never raises: a guest cannot end the machine by it.
    D2  An access first does everything that is due by ``clock.now``, so that a
        guest never reads a stale register.
    D3  After :meth:`Device.advance`, the next deadline is in the future or None.
    D4  ``restore(state())`` into a fresh device gives one that behaves the same.

A device knows offsets into its area, never its own base address, and only the
machine's clock, never the host's. It never calls the CPU: it drives lines.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from vectoros.clock import Clock
from vectoros.devices.fields import Fields, FieldView
from vectoros.devices.registers import (
    WIDTHS,
    Decoder,
    Register,
    check_registers,
    decoder,
    field_constants,
    plain,
)
from vectoros.devices.state import Stateful

OPEN_BUS = 0xFF
"""What a byte reads as where nothing answers: the bus's pull-ups."""

PIECES = {room: tuple(w for w in WIDTHS if w <= room) for room in range(1, 9)}
"""Bytes left of an access -> widths to look for, the widest first."""


@dataclass(frozen=True, slots=True)
class RegisterView:
    """One register of a live device, for people."""

    name: str
    offset: int
    width: int
    value: int
    fields: tuple[FieldView, ...]

    def __str__(self) -> str:
        """Name, value and decoded fields in one line."""
        shown = f"{self.name} = {self.value:#0{2 * self.width + 2}x}"
        return " ".join([shown, *map(str, self.fields)])


class Device(Stateful):
    """A block of registers."""

    name: str
    """What the board calls this one; a class starts with its own name."""

    source: ClassVar[str] = ""
    """The document that the model follows."""

    registers: ClassVar[dict[str, Register[Any]]] = {}
    _readable: ClassVar[Decoder] = {}
    _writable: ClassVar[Decoder] = {}
    _plain_reads: ClassVar[dict[tuple[int, int], Register[Any]]] = {}
    _plain_writes: ClassVar[dict[tuple[int, int], Register[Any]]] = {}

    def __init_subclass__(cls) -> None:
        """Collect the class's registers; refuse a table that no access can be served by."""
        super().__init_subclass__()
        own = {n: reg for n, reg in vars(cls).items() if isinstance(reg, Register)}
        cls.registers = cls.registers | own
        cls.name = vars(cls).get("name", cls.__name__.lower())
        table = cls.registers.values()
        check_registers(cls.__name__, table)
        if any(reg.bank is not None for reg in table) and cls.bank is Device.bank:
            raise TypeError(f"{cls.__name__} declares banks but no bank()")
        cls._readable = decoder(reg for reg in table if reg.access.readable)
        cls._writable = decoder(reg for reg in table if reg.access.writable)
        finds_itself = cls._find is not Device._find
        cls._plain_reads = {} if finds_itself else plain(cls._readable)
        cls._plain_writes = {} if finds_itself else plain(cls._writable)

    def __init__(self, clock: Clock) -> None:
        """Start in the power-on state. A subclass attaches its wires first."""
        self.clock = clock
        self.timekeeper: Device = self
        """Whose deadline an access moves: another device's, if this is only a port of that."""
        self.guest_errors = 0
        """Accesses that a guest had no business making. A statistic, not state."""
        self.reset()

    def bank(self, offset: int, value: int | None) -> str:
        """Return the bank that answers at ``offset``: ``value`` if it is written, else None."""
        raise NotImplementedError

    def read(self, offset: int, width: int) -> int:
        """Return what a guest reads in an access of ``width`` bytes; a hole gives all ones.

        An access that no register matches is split, the lowest part first.
        """
        self.catch_up()
        whole = self._plain_reads.get((offset, width))
        if whole is not None:
            return whole.fetch(self)
        value = done = 0
        missed = False
        while done < width:
            reg = self._find(self._readable, offset, width - done, None)
            if reg is None:
                missed = True
                value |= OPEN_BUS << 8 * done
                done, offset = done + 1, offset + 1
                continue
            value |= reg.fetch(self) << 8 * done
            done += reg.width
            offset += 0 if reg.stream else reg.width
        self.guest_errors += missed
        return value

    def write(self, offset: int, width: int, value: int) -> None:
        """Apply a guest's write of ``width`` bytes; what nothing takes is dropped."""
        self.catch_up()
        whole = self._plain_writes.get((offset, width))
        if whole is not None:
            whole.put(self, value & (1 << 8 * width) - 1)
            return
        done = 0
        missed = False
        while done < width:
            rest = value >> 8 * done
            reg = self._find(self._writable, offset, width - done, rest & 0xFF)
            if reg is None:
                missed = True
                done, offset = done + 1, offset + 1
                continue
            reg.put(self, rest & (1 << 8 * reg.width) - 1)
            done += reg.width
            offset += 0 if reg.stream else reg.width
        self.guest_errors += missed

    def _find(
        self, table: Decoder, offset: int, room: int, value: int | None
    ) -> Register[Any] | None:
        """Return the widest register at ``offset`` that fits into ``room`` bytes."""
        for width in PIECES[room]:
            banks = table.get((offset, width))
            if banks is None:
                continue
            reg = banks.get(None) or banks.get(self.bank(offset, value))
            if reg is not None:
                return reg
        return None

    def system_reset(self) -> None:
        """Follow a reset of the machine, which stays on: the power-on state, unless said here.

        Whoever has something that outlives a reset keeps it: what lies in a battery's
        care or on a disk, and what the host has sent.
        """
        self.reset()

    def next_event(self) -> int | None:
        """Return the tick of the device's next own deadline, or None."""
        return None

    def advance(self) -> None:
        """Do everything that is due by ``clock.now``."""

    def catch_up(self) -> None:
        """Do what is overdue: the board may come late to a deadline, an access may not."""
        due = self.next_event()
        if due is not None and due <= self.clock.now:
            self.advance()

    def peek(self) -> list[RegisterView]:
        """Return every register that has a value, decoded; looking has no side effects."""
        found = []
        for reg in self.registers.values():
            value = reg.look(self)
            if value is not None:
                fields = reg.kind(value).views() if issubclass(reg.kind, Fields) else ()
                found.append(RegisterView(reg.name.upper(), reg.offset, reg.width, value, fields))
        return found


def constants(device: type[Device], base: int, prefix: str | None = None) -> dict[str, int]:
    """Return assembler constants for a device at ``base``: addresses and field masks.

    Names start with ``prefix``, else with the class's name: ``UART_LCR`` is an
    address, ``UART_LCR_DLAB`` a mask and ``UART_LCR_WLS_SHIFT`` a bit number.
    """
    found: dict[str, int] = {}
    for reg in device.registers.values():
        name = f"{prefix or device.name}_{reg.name}".upper()
        found[name] = base + reg.offset
        if issubclass(reg.kind, Fields):
            for field in reg.kind.fields.values():
                found |= field_constants(name, field)
    return found
