"""An invocation: a message to a capability, and how its answer gets back.

Decode, then perform. A decoder checks everything and changes nothing; it returns a
:class:`Refusal`, or an action that cannot fail. So whoever gets an error knows that
nothing has happened.
"""

from __future__ import annotations

from collections.abc import Callable

from vectoros.kernel import cnode, message
from vectoros.kernel.errors import Error, LookupFailure, Refusal
from vectoros.kernel.memory import Ram
from vectoros.kernel.slot import Slot
from vectoros.kernel.tcb import CSPACE, Tcb
from vectoros.kernel.trap import Trap

_LABEL, _REGISTERS = message.LABEL_SHIFT, message.REGISTERS

Action = Callable[[], "tuple[int, ...] | None"]
"""Performs an invocation. It returns the answer's message registers, or None if there is
no answer yet, or if it is in place."""

RAX, RDI, RSI, RDX, R10, R8, R9 = Tcb.indices("rax", "rdi", "rsi", "rdx", "r10", "r8", "r9")
MESSAGE = (RDX, R10, R8, R9)
"""Words of the frame where the first message registers are."""


class Invocation:
    """A message that a thread sends to the capability in ``slot``."""

    __slots__ = ("answered", "blocking", "calling", "info", "slot", "thread", "trap")

    def __init__(self, trap: Trap, slot: int, *, blocking: bool, calling: bool) -> None:
        """Take the message from the caller's registers and buffer."""
        self.trap = trap
        self.thread = trap.caller
        self.slot = Slot(trap.ram, slot)
        self.info: int = trap.words[(trap.caller >> 3) + RSI]
        self.blocking = blocking
        self.calling = calling
        self.answered = True
        """Whether the caller's registers are for the answer, and for nothing after it."""

    @property
    def label(self) -> int:
        """The method's number."""
        return self.info >> message.LABEL_SHIFT

    @property
    def length(self) -> int:
        """Words of the message."""
        return message.length_of(self.info)

    def word(self, index: int) -> int:
        """Message register ``index``, of the four that travel in registers."""
        return self.trap.words[(self.thread >> 3) + MESSAGE[index]]

    def capability(self, index: int) -> Slot | None:
        """The slot that the message's capability ``index`` names, if it has so many."""
        address = extra_address(self.trap.ram, self.thread, self.info, index)
        if address is None:
            return None
        found = cnode.resolve(self.trap.words, self.thread + CSPACE, address)
        return None if isinstance(found, LookupFailure) else Slot(self.trap.ram, found)


def extra_address(ram: Ram, thread: int, info: int, index: int) -> int | None:
    """Return the address of capability ``index`` of a message, or None: it has fewer."""
    buffer = Tcb(ram, thread).buffer
    if not buffer or index >= message.extra_of(info):
        return None
    return ram.words[(buffer + message.IPC_CAPABILITIES >> 3) + index]


def answer(
    ram: Ram, thread: int, words: tuple[int, ...] = (), badge: int = 0, label: int = 0,
    status: int = 0,
) -> None:  # fmt: skip
    """Put a result into the registers of ``thread``, and what they do not hold into its buffer."""
    frame, at, length = ram.words, thread >> 3, len(words)
    if length > _REGISTERS:
        length = _fill_buffer(ram, Tcb(ram, thread).buffer, words)
    frame[at + RAX] = status
    frame[at + RDI] = badge
    frame[at + RSI] = label << _LABEL | length
    frame[at + RDX], frame[at + R10], frame[at + R8], frame[at + R9] = (words + _NO_WORDS)[:4]


_NO_WORDS = (0,) * message.REGISTERS


def _fill_buffer(ram: Ram, buffer: int, words: tuple[int, ...]) -> int:
    """Put the words that registers do not hold into ``buffer``; return how many there are."""
    if not buffer:
        return message.REGISTERS
    rest = b"".join(word.to_bytes(8, "little") for word in words[message.REGISTERS :])
    ram.write(buffer + message.IPC_MESSAGE + 8 * message.REGISTERS, rest)
    return len(words)


def refuse(ram: Ram, thread: int, refusal: Refusal) -> None:
    """Tell ``thread`` that its trap was refused, and why; the label is the error, too."""
    error = int(refusal.error)
    answer(ram, thread, refusal.words, 0, error, error)


def lookup_refusal(failure: LookupFailure) -> Refusal:
    """Say that a capability address leads nowhere, to a thread that will not wait."""
    return Refusal(Error.FAILED_LOOKUP, (0, failure.kind, *failure.words))
