"""Every method of every object: number, arguments, errors, and what it costs.

A method is invoked by sending a message to a capability; the label of the message
is the method's number, the message registers are its arguments. From this table
come the constants of the assembler, the reference page and the arguments that the
property tests draw.
"""

from __future__ import annotations

from typing import NamedTuple

from vectoros.kernel.errors import Error
from vectoros.kernel.objects import Type


class Method(NamedTuple):
    """One row."""

    object: Type
    name: str
    number: int
    """Within the object; never used again for another method."""

    arguments: tuple[str, ...]
    """Message registers; a name with a ``*`` is a capability, in the IPC buffer."""

    results: tuple[str, ...]
    errors: tuple[Error, ...]
    cost: int
    """In units of COST_UNIT ticks, on top of the trap's."""

    meaning: str

    @property
    def label(self) -> int:
        """The number: it differs between objects, so a wrong capability is noticed."""
        return self.object << 8 | self.number

    @property
    def constant(self) -> str:
        """The label's name in assembly."""
        words = "".join(f"_{c}" if c.isupper() else c for c in self.name).upper()
        return f"METHOD_{self.object.name}{words}"


_TCB_STATE = ("state", "priority", "consumed", "fault", "fault_ip", "fault_address")
_TCB_REST = ("fault_code", "max_priority", "process", "rip")

METHODS: tuple[Method, ...] = (
    Method(
        Type.UNTYPED, "Describe", 1, (), ("base", "size_bits", "used", "device"), (), 2,
        "say where the memory is, and how much of it has been retyped, in bytes",
    ),
    Method(
        Type.TCB, "Suspend", 1, (), (), (), 6,
        "stop the thread; a system call that it waits in is made again when it resumes",
    ),
    Method(
        Type.TCB, "Resume", 2, (), (), (), 6,
        "let the thread run, if it was stopped or has faulted",
    ),
    Method(
        Type.TCB, "SetPriority", 3, ("authority*", "priority"), (),
        (Error.TRUNCATED_MESSAGE, Error.INVALID_CAPABILITY, Error.RANGE_ERROR), 6,
        "set the priority, to at most the maximum of the authority, a TCB",
    ),
    Method(
        Type.TCB, "WriteRegisters", 4, ("resume", "rip", "rsp", "rdi"), (),
        (Error.TRUNCATED_MESSAGE, Error.ILLEGAL_OPERATION, Error.RANGE_ERROR), 8,
        "set rdi, and rip and rsp unless they are 0, of a thread that is stopped or has"
        " faulted; resume it if bit 0 of resume is set",
    ),
    Method(
        Type.TCB, "Describe", 5, (), _TCB_STATE + _TCB_REST, (), 6,
        "say what the thread does, the ticks that it has had, and what it faulted on last",
    ),
    Method(
        Type.IRQ_HANDLER, "Ack", 1, (), (), (), 4,
        "let the interrupt come again",
    ),
    Method(
        Type.IRQ_HANDLER, "SetNotification", 2, ("notification*",), (),
        (Error.TRUNCATED_MESSAGE, Error.INVALID_CAPABILITY), 6,
        "signal the notification, with the capability's badge, when the interrupt comes",
    ),
    Method(
        Type.IRQ_HANDLER, "Clear", 3, (), (), (), 6,
        "signal nothing any more, and mask the interrupt",
    ),
    *(
        Method(
            Type.IO_PORT, f"In{bits}", index, ("port",), ("value",),
            (Error.TRUNCATED_MESSAGE, Error.ILLEGAL_OPERATION), 4, f"read {bits} bits",
        )
        for index, bits in enumerate((8, 16, 32), 1)
    ),
    *(
        Method(
            Type.IO_PORT, f"Out{bits}", index, ("port", "value"), (),
            (Error.TRUNCATED_MESSAGE, Error.ILLEGAL_OPERATION), 4, f"write {bits} bits",
        )
        for index, bits in enumerate((8, 16, 32), 4)
    ),
)  # fmt: skip


def label(kind: Type, name: str) -> int:
    """Return the label of a method.

    >>> hex(label(Type.TCB, "Suspend"))
    '0x301'
    """
    return next(row.label for row in METHODS if (row.object, row.name) == (kind, name))


COSTS = {row.label: row.cost for row in METHODS}
"""Cost of each method, by label."""


def method_constants() -> dict[str, int]:
    """Return the labels under the names that assembly uses."""
    return {row.constant: row.label for row in METHODS}
