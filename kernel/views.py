"""Typed views: a kernel object is a place in RAM, and a view is a way to read it.

A view holds an address and nothing else. Its class declares the fields, each with
its offset, its width and what it means; the same declarations give assembly its
constants and the reference page its tables. Two views of one place are the same
object, and whatever is not in RAM is not state.

RAM is seen as 64-bit little-endian words, because indexing a ``memoryview`` of
words is the fastest access that Python has to one: a field costs about 60 ns to read.
Where a trap needs four words in a row, a :class:`struct.Struct` reads them in 90 ns.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from vectoros.kernel.memory import Ram

WORD = 8
"""Bytes of a word, in which RAM is indexed."""

MASK = (1 << 64) - 1


class Field(property):
    """``width`` bytes at ``offset`` of an object, as an unsigned number."""

    name: str

    def __init__(self, offset: int, meaning: str, *, width: int = WORD) -> None:
        """Declare a field; it must lie within one word."""
        if width not in (1, 2, 4, 8) or offset % width:
            raise TypeError(f"a field of {width} bytes cannot be at {offset:#x}")
        self.offset = offset
        self.width = width
        self.meaning = meaning
        if width == WORD:
            super().__init__(*_whole(offset // WORD), doc=meaning)
        else:
            super().__init__(*_part(offset, width), doc=meaning)

    def __set_name__(self, owner: type[View], name: str) -> None:
        """Enter the field in its class's table."""
        if name in View.__slots__:
            raise TypeError(f"a field cannot be called {name}: views have that already")
        self.name = name
        owner.fields = {**owner.fields, name: self}

    if TYPE_CHECKING:  # what `property` says of itself is Any
        # fmt: off
        def __get__(  # type: ignore[override]
            self, view: Any, owner: type | None = None, /,  # noqa: ANN401
        ) -> int: ...

        # fmt: on
        def __set__(self, view: Any, value: int, /) -> None: ...  # noqa: ANN401


def _whole(index: int) -> tuple[Callable[[View], int], Callable[[View, int], None]]:
    def read(view: View) -> int:
        return view.words[view.at + index]

    def write(view: View, value: int) -> None:
        view.words[view.at + index] = value

    return read, write


def _part(offset: int, width: int) -> tuple[Callable[[View], int], Callable[[View, int], None]]:
    index, shift = offset // WORD, offset % WORD * 8
    mask = (1 << width * 8) - 1
    others = MASK ^ mask << shift

    def read(view: View) -> int:
        return view.words[view.at + index] >> shift & mask

    def write(view: View, value: int) -> None:
        word = view.words[view.at + index]
        view.words[view.at + index] = word & others | (value & mask) << shift

    return read, write


class View:
    """An object at ``address``, which must be a multiple of eight."""

    __slots__ = ("address", "at", "ram", "words")

    fields: ClassVar[dict[str, Field]] = {}

    def __init__(self, ram: Ram, address: int) -> None:
        """Look at ``address``; nothing is read or written yet."""
        self.ram = ram
        self.words = ram.words
        self.address = address
        self.at = address // WORD

    @classmethod
    def indices(cls, *names: str) -> tuple[int, ...]:
        """Return where each of the fields ``names`` starts, in words."""
        return tuple(cls.fields[name].offset // WORD for name in names)

    def clear(self, size: int) -> None:
        """Set ``size`` bytes from the start of the object to zero."""
        self.ram.view[self.address : self.address + size] = bytes(size)

    def __repr__(self) -> str:
        """Type, address and every field, for messages and debuggers."""
        values = " ".join(f"{name}={getattr(self, name):#x}" for name in type(self).fields)
        return f"<{type(self).__name__} at {self.address:#x}: {values}>"
