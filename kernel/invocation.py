"""An invocation: a message to a capability, and how its answer gets back.

Decode, then perform. A decoder checks everything and changes nothing; it returns a
:class:`Refusal`, or an action that cannot fail. So whoever gets an error knows that
nothing has happened. Each method has one decoder, which registers itself:

    @decodes(Type.FRAME, "GetAddress")
    def _get_address(invocation: Invocation) -> Action | Refusal:
        return lambda: (invocation.slot.object,)

What the table of methods says of arguments has been seen to before it is called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from vectoros.kernel import cnode, message
from vectoros.kernel.errors import Error, LookupFailure, Refusal
from vectoros.kernel.memory import Ram
from vectoros.kernel.methods import label
from vectoros.kernel.objects import Type
from vectoros.kernel.slot import Slot
from vectoros.kernel.tcb import BUFFER, CSPACE, Tcb
from vectoros.kernel.trap import Trap
from vectoros.kernel.views import View

_LABEL, _REGISTERS = message.LABEL_SHIFT, message.REGISTERS
_BUFFER = (BUFFER >> 3) + 2

Action = Callable[[], "tuple[int, ...] | None"]
"""Performs an invocation. It returns the answer's message registers, or None if there is
no answer yet, or if it is in place."""

Outcome = Refusal | tuple[int, ...] | None
"""What came of a message: it was refused; the answer's message registers; or neither yet."""

RAX, RDI, RSI, RDX, R10, R8, R9 = Tcb.indices("rax", "rdi", "rsi", "rdx", "r10", "r8", "r9")
MESSAGE = (RDX, R10, R8, R9)
"""Words of the frame where the first message registers are."""


class Way(NamedTuple):
    """How a trap sends."""

    blocking: bool = True
    calling: bool = False
    """Whether the caller waits for an answer."""

    answered: bool = True
    """Whether the caller's registers are for the status; else it will receive with them."""


class Invocation:
    """A message that a thread sends to the capability in ``slot``."""

    __slots__ = ("_extras", "answered", "capabilities", "info", "slot", "thread", "trap", "words")

    def __init__(self, trap: Trap, slot: int, way: Way, extras: list[int]) -> None:
        """Take the message from the caller's registers and buffer; ``extras`` come with it."""
        self._extras = extras
        self.trap = trap
        self.thread = trap.caller
        self.slot = Slot(trap.ram, slot)
        self.info: int = trap.words[(trap.caller >> 3) + RSI]
        self.answered = way.answered
        self.words: tuple[int, ...] = ()
        """The arguments that the table of methods names."""
        self.capabilities: tuple[Slot, ...] = ()
        """The capabilities that it names; their slots exist, and may be empty."""

    @property
    def tcb(self) -> Tcb:
        """The thread that is invoked, if the capability is to one."""
        return Tcb(self.trap.ram, self.slot.object)

    @property
    def label(self) -> int:
        """The method's number."""
        return self.info >> _LABEL

    @property
    def length(self) -> int:
        """Words of the message."""
        return message.length_of(self.info)

    def word(self, index: int) -> int:
        """Message word ``index``; 0 if it would be in a buffer that the thread has not."""
        return message_word(self.trap.ram, self.thread, index)

    def take(self, words: int, capabilities: int) -> bool:
        """Read so many arguments; say whether the message has them."""
        frame, at = self.trap.words, self.thread >> 3
        taken: tuple[int, ...] = (frame[at + RDX], frame[at + R10], frame[at + R8], frame[at + R9])
        if words > _REGISTERS:
            rest = (frame[at + _BUFFER] + message.IPC_MESSAGE >> 3) + _REGISTERS
            end = rest + words - _REGISTERS
            zeros = (0,) * (words - _REGISTERS)
            taken += tuple(frame[rest:end].tolist()) if frame[at + _BUFFER] else zeros
        self.words = taken[:words]
        if capabilities:
            slots = self._extras[:capabilities]
            self.capabilities = tuple([Slot(self.trap.ram, slot) for slot in slots])
        return self.length >= words and len(self.capabilities) == capabilities


Decoder = Callable[[Invocation], "Action | Refusal"]

REGISTERED: dict[int, Decoder] = {}
"""The decoders of the modules that have been imported, by label; kernel/decoders.py has all."""


def decodes(kind: Type, name: str) -> Callable[[Decoder], Decoder]:
    """Let the function that follows decode the method ``name`` of ``kind``."""

    def register(decoder: Decoder) -> Decoder:
        REGISTERED[label(kind, name)] = decoder
        return decoder

    return register


def message_word(ram: Ram, thread: int, index: int) -> int:
    """Return a word of the message that ``thread`` sends, or 0: it has no buffer for it."""
    words = ram.words
    if index < _REGISTERS:
        return words[(thread >> 3) + MESSAGE[index]]
    buffer = Tcb(ram, thread).buffer
    return words[(buffer + message.IPC_MESSAGE >> 3) + index] if buffer else 0


def extras(ram: Ram, thread: int, info: int) -> Iterator[tuple[int, int | LookupFailure]]:
    """Yield the addresses of the capabilities in a message, and the slots where they lead now."""
    buffer = Tcb(ram, thread).buffer
    for index in range(message.extra_of(info) if buffer else 0):
        address = ram.words[(buffer + message.IPC_CAPABILITIES >> 3) + index]
        yield address, cnode.resolve(ram.words, thread + CSPACE, address)


def out_of_range(*limits: tuple[int, int, int]) -> Refusal | None:
    """Refuse the first value that is not from the least to the greatest behind it."""
    for value, least, greatest in limits:
        if not least <= value <= greatest:
            return Refusal(Error.RANGE_ERROR, (least, greatest))
    return None


def assign(view: View, **values: int) -> tuple[int, ...]:
    """Set fields of an object, as a whole action; the answer has no words."""
    for name, value in values.items():
        setattr(view, name, value)
    return ()


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
