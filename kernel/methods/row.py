"""A row of the table of methods, and how one is written down.

    row(Type.SCHED_CONTEXT, 1, "Bind(object*)", 8, "give it to a thread", ...errors)

A name with a ``*`` is a capability, which travels in the IPC buffer; the others are
message words, in their order. Each error is said as ``Name(what its words are):
condition``, and they stand in the order in which they are checked, which is part of
the interface.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from vectoros.kernel.errors import Error
from vectoros.kernel.objects import Type


class Condition(NamedTuple):
    """When a method is refused."""

    error: Error
    words: str
    """What the message registers of the answer hold."""
    meaning: str


class Method(NamedTuple):
    """One row."""

    object: Type
    name: str
    number: int
    """Within the object; never used again for another method."""

    arguments: tuple[str, ...]
    """Message words, in order."""

    capabilities: tuple[str, ...]
    """Capabilities in the IPC buffer, in order."""

    results: tuple[str, ...]
    cost: int
    """In units of COST_UNIT ticks, on top of the trap's."""

    meaning: str
    conditions: tuple[Condition, ...]
    """In the order in which they are checked, after those that every method has."""

    audited: bool
    """Whether it changes what somebody may do, so that each use is written down."""

    @property
    def label(self) -> int:
        """The number: it differs between objects, so a wrong capability is noticed."""
        return self.object << 8 | self.number

    @property
    def constant(self) -> str:
        """The label's name in assembly."""
        return f"METHOD_{self.object.name}_{upper(self.name)}"

    @property
    def signature(self) -> str:
        """How it is written: words, then capabilities."""
        names = (*self.arguments, *(f"{name}*" for name in self.capabilities))
        return f"{self.name}({', '.join(names)})"


def upper(name: str) -> str:
    """Return a name in the writing of constants.

    >>> upper("SetMCPriority"), upper("GetAddress"), upper("Out8")
    ('SET_MC_PRIORITY', 'GET_ADDRESS', 'OUT8')
    """
    return re.sub("(?<=[a-z])(?=[A-Z])|(?<=.)(?=[A-Z][a-z])", "_", name).upper()


_ERRORS = {error.name.title().replace("_", ""): error for error in Error}


def _condition(text: str) -> Condition:
    head, _, meaning = text.partition(": ")
    name, _, words = head.partition("(")
    return Condition(_ERRORS[name], words.rstrip(")"), meaning)


def row(
    kind: Type, number: int, signature: str, cost: int, meaning: str, *conditions: str,
    results: str = "", audited: bool = False,
) -> Method:  # fmt: skip
    """Read a row."""
    name, *names = re.findall(r"\w+\*?", signature)
    arguments = tuple(each for each in names if not each.endswith("*"))
    capabilities = tuple(each[:-1] for each in names if each.endswith("*"))
    checks = tuple(map(_condition, conditions))
    given = (kind, name, number, arguments, capabilities, tuple(results.split()), cost)
    return Method(*given, meaning, checks, audited)
