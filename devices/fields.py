"""Name the bits of a register once, with what they mean.

The layout of a register is a class, and its bits are attributes of it::

    class Lcr(Fields):
        WLS = Bits(1, 0, "word length", {0: "5 bits", 3: "8 bits"})
        DLAB = Bit(7, "divisor latch access")

An instance is the register's value, an ``int``: ``Lcr(0x83).WLS`` is 3, and
``Lcr.DLAB.mask`` is ``0x80``. A bit that no field names is reserved: it reads as
zero and a guest's write to it is dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self, overload


class Bits:
    """Bits ``high`` down to ``low``, written as data sheets write them."""

    name: str

    def __init__(
        self, high: int, low: int, doc: str, values: Mapping[int, str] | None = None
    ) -> None:
        """Declare a field; ``values`` says what single values of it mean."""
        self.high = high
        self.low = low
        self.doc = doc
        self.values = dict(values or {})
        self.mask = (1 << high + 1) - (1 << low)

    def __set_name__(self, owner: type, name: str) -> None:
        """Take the attribute's name as the field's."""
        self.name = name

    @overload
    def __get__(self, value: None, owner: type) -> Self: ...
    @overload
    def __get__(self, value: int, owner: type) -> int: ...
    def __get__(self, value: int | None, owner: type) -> Self | int:
        """Return this field of ``value``, or the declaration itself."""
        return self if value is None else (value & self.mask) >> self.low

    def __str__(self) -> str:
        """Bit numbers, as data sheets write them: ``7`` or ``7:6``."""
        return str(self.low) if self.high == self.low else f"{self.high}:{self.low}"


def Bit(number: int, doc: str, values: Mapping[int, str] | None = None) -> Bits:
    """Declare a field of one bit."""
    return Bits(number, number, doc, values)


@dataclass(frozen=True, slots=True)
class FieldView:
    """One field of a value, for people."""

    name: str
    value: int
    meaning: str

    def __str__(self) -> str:
        """Name, value, and what the value means if the declaration says so."""
        return f"{self.name}={self.value}" + (f" ({self.meaning})" if self.meaning else "")


class Fields(int):
    """A register's value, whose bits have names."""

    __slots__ = ()
    fields: ClassVar[dict[str, Bits]] = {}
    mask: ClassVar[int] = 0

    def __init_subclass__(cls) -> None:
        """Collect the fields; refuse two that share a bit."""
        cls.fields = {n: field for n, field in vars(cls).items() if isinstance(field, Bits)}
        cls.mask = 0
        for field in cls.fields.values():
            if not 0 <= field.low <= field.high:
                raise TypeError(f"{cls.__name__}.{field.name} has bits {field}: high comes first")
            for other in cls.fields.values():
                if other is not field and other.mask & field.mask:
                    raise TypeError(
                        f"{cls.__name__}.{other.name} (bits {other}) and "
                        f".{field.name} (bits {field}) overlap"
                    )
            cls.mask |= field.mask

    def replace(self, **values: int) -> Self:
        """Return the same value with some fields set.

        >>> class Status(Fields):
        ...     READY = Bit(0, "data is ready")
        ...     LEVEL = Bits(7, 4, "bytes waiting")
        >>> hex(Status(0x30).replace(READY=1, LEVEL=2))
        '0x21'
        """
        result = int(self)
        for name, value in values.items():
            field = self.fields[name]
            result = result & ~field.mask | value << field.low & field.mask
        return type(self)(result)

    def views(self) -> tuple[FieldView, ...]:
        """Return every field, the highest bits first."""
        found = sorted(self.fields.values(), key=lambda field: -field.low)
        return tuple(
            FieldView(field.name, value, field.values.get(value, ""))
            for field in found
            for value in [field.__get__(self, type(self))]
        )
