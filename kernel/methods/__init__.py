"""Every method of every object: number, arguments, errors, and what it costs.

A method is invoked by sending a message to a capability; the label of the message
is the method's number, the message registers are its arguments. From this table
come the constants of the assembler, the reference page, what ``vectoros kernel abi``
lists, the arguments that the property tests draw, and what each decoder is given.
"""

from __future__ import annotations

from vectoros.kernel.methods.memory import MEMORY
from vectoros.kernel.methods.row import Method
from vectoros.kernel.methods.services import SERVICES
from vectoros.kernel.methods.threads import THREADS
from vectoros.kernel.objects import Type

METHODS: tuple[Method, ...] = tuple(
    sorted((*MEMORY, *THREADS, *SERVICES), key=lambda method: method.label)
)
"""By label."""

BY_LABEL = {method.label: method for method in METHODS}


def label(kind: Type, name: str) -> int:
    """Return the label of a method.

    >>> hex(label(Type.TCB, "Suspend"))
    '0x301'
    """
    return next(row.label for row in METHODS if (row.object, row.name) == (kind, name))
