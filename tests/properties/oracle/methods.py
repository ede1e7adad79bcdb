"""What a method is given, and the list of them all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.properties.oracle.capability import Cap, Slot
from tests.properties.oracle.refusal import illegal
from tests.properties.oracle.things import Tcb
from tests.properties.oracle.world import World
from vectoros.kernel.methods import label
from vectoros.kernel.objects import Type


@dataclass(repr=False)
class Invocation:
    """A message to a capability: its arguments, by the names of the table of methods."""

    thread: Tcb
    slot: Slot
    message: list[int]
    args: dict[str, int]
    slots: dict[str, Slot]

    @property
    def cap(self) -> Cap:
        """The capability that is invoked."""
        if self.slot.cap is None:
            raise illegal()
        return self.slot.cap

    def __getitem__(self, name: str) -> int:
        """Return a word."""
        return self.args[name]

    def given(self, name: str) -> Cap | None:
        """Return a capability that came with the message."""
        return self.slots[name].cap


Done = tuple[int, ...]
Method = Callable[[World, Invocation], Done]

REGISTERED: dict[int, Method] = {}
"""By label."""


def method(kind: Type, *names: str) -> Callable[[Method], Method]:
    """Say which method the function that follows is."""

    def register(function: Method) -> Method:
        for name in names:
            REGISTERED[label(kind, name)] = function
        return function

    return register
