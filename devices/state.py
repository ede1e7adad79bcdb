"""State that a device keeps, declared once: reset, snapshot and validation follow.

A :class:`Cell` is a flip-flop, a counter or a FIFO: guest-visible truth that no
address reaches directly. It is a class attribute like a register. Whatever a
:class:`Stateful` object keeps in cells is reset, saved, checked and restored
without another line of code; what it keeps elsewhere is wiring.

Snapshots may come from anywhere, so :meth:`Stateful.restore` is whole or
nothing: it checks all of a state before it changes anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Self, TypeAlias, TypeVar, cast, overload

State: TypeAlias = "bool | int | str | bytes | list[State] | dict[str, State] | None"
"""What a state is made of: nothing that differs from host to host."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Shape(Generic[T]):
    """Which values a cell may hold: ``rule`` reads on from "must be"."""

    rule: str
    fits: Callable[[object], bool]


FLAG: Shape[bool] = Shape("true or false", lambda value: isinstance(value, bool))
"""One bit."""


def integer(low: int = 0, high: int | None = None) -> Shape[int]:
    """Return the shape of a whole number from ``low`` to ``high``, or without end."""

    def fits(value: object) -> bool:
        if not isinstance(value, int) or isinstance(value, bool):
            return False
        return low <= value and (high is None or value <= high)

    return Shape(f"a whole number from {low}" + ("" if high is None else f" to {high}"), fits)


def data(most: int | None = None) -> Shape[bytearray]:
    """Return the shape of a string of at most ``most`` bytes."""

    def fits(value: object) -> bool:
        return isinstance(value, bytes) and (most is None or len(value) <= most)

    return Shape("bytes" if most is None else f"at most {most} bytes", fits)


def one_of(*words: str) -> Shape[str]:
    """Return the shape of one word out of ``words``."""
    return Shape(f"one of {', '.join(map(repr, words))}", lambda value: value in words)


def optional(shape: Shape[T]) -> Shape[T | None]:
    """Return the shape of what fits ``shape``, or nothing."""
    return Shape(f"{shape.rule}, or none", lambda value: value is None or shape.fits(value))


class Cell(Generic[T]):
    """A piece of state: what it holds at power-on, what it may hold, what it means.

    An instance's own value lies in the instance's ``__dict__``, where attribute
    access finds it without passing through here.
    """

    name: str

    def __init__(self, initial: T, shape: Shape[T], doc: str) -> None:
        """Declare a cell. ``initial`` must be immutable, or the class must copy it."""
        self.initial = initial
        self.shape = shape
        self.doc = doc

    def __set_name__(self, owner: type, name: str) -> None:
        """Take the attribute's name as the cell's."""
        self.name = name

    @overload
    def __get__(self, holder: None, owner: type) -> Self: ...
    @overload
    def __get__(self, holder: object, owner: type) -> T: ...
    def __get__(self, holder: object | None, owner: type) -> Self | T:
        """Return the declaration; an instance's value is found before this is asked."""
        if holder is None:
            return self
        raise AttributeError(f"{type(holder).__name__}.{self.name} is used before reset()")

    @property
    def stored(self) -> bool:
        """Whether instances hold a value."""
        return True

    def save(self, value: T) -> State:
        """Return ``value`` as a state holds it."""
        return cast(State, value)

    def load(self, saved: object) -> T:
        """Return what :meth:`save` was given, which :meth:`check` has accepted."""
        return cast(T, saved)

    def check(self, where: str, saved: object) -> None:
        """Raise :class:`ValueError` unless ``saved`` may be this cell's value."""
        if not self.shape.fits(saved):
            shown = f"{type(saved).__name__} {saved!r:.60}"
            raise ValueError(f"{where}.{self.name} must be {self.shape.rule}, not {shown}")


class Queue(Cell[bytearray]):
    """Bytes that enter at the end and leave at the front."""

    def __init__(self, doc: str, most: int | None = None) -> None:
        """Declare a queue of at most ``most`` bytes, empty at power-on."""
        super().__init__(bytearray(), data(most), doc)

    def save(self, value: bytearray) -> bytes:
        """Return the bytes."""
        return bytes(value)

    def load(self, saved: object) -> bytearray:
        """Return a new array, so that no two holders share one."""
        return bytearray(cast(bytes, saved))


class Stateful:
    """Something whose whole guest-visible truth is its cells and its parts."""

    cells: ClassVar[dict[str, Cell[Any]]] = {}

    def __init_subclass__(cls) -> None:
        """Collect the cells, inherited ones first."""
        super().__init_subclass__()
        own = {n: c for n, c in vars(cls).items() if isinstance(c, Cell) and c.stored}
        cls.cells = cls.cells | own

    def parts(self) -> Mapping[str, Stateful]:
        """Return the parts that keep state of their own, by name."""
        return {}

    def reset(self) -> None:
        """Go to the power-on state."""
        for name, cell in self.cells.items():
            setattr(self, name, cell.load(cell.initial))
        for part in self.parts().values():
            part.reset()

    def state(self) -> dict[str, State]:
        """Return everything that a guest can see, in canonical form."""
        mine: dict[str, State] = {n: c.save(getattr(self, n)) for n, c in self.cells.items()}
        return mine | {name: part.state() for name, part in self.parts().items()}

    def check(self, state: object, where: str) -> None:
        """Raise :class:`ValueError`, naming the field, unless ``state`` can be restored."""
        if not isinstance(state, dict):
            raise ValueError(f"{where} must be a table, not {type(state).__name__}")
        for name in [*self.cells, *self.parts()]:
            if name not in state:
                raise ValueError(f"{where}.{name} is missing")
        for name in state:
            if name not in self.cells and name not in self.parts():
                raise ValueError(f"{where}.{name} is not a field of {type(self).__name__}")
        for name, cell in self.cells.items():
            cell.check(where, state[name])
        for name, part in self.parts().items():
            part.check(state[name], f"{where}.{name}")

    def adopt(self, state: Mapping[str, Any]) -> None:
        """Take over a state that :meth:`check` has accepted."""
        for name, cell in self.cells.items():
            setattr(self, name, cell.load(state[name]))
        for name, part in self.parts().items():
            part.adopt(state[name])

    def restore(self, state: Mapping[str, State]) -> None:
        """Be as :meth:`state` said; raise :class:`ValueError` and change nothing if it cannot."""
        self.check(state, getattr(self, "name", type(self).__name__))
        self.adopt(state)
