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

from collections.abc import Callable
from typing import NamedTuple

from vectoros.kernel import cnode, message
from vectoros.kernel.errors import Error, LookupFailure, Refusal
from vectoros.kernel.frame import ANSWER_AT, MESSAGE_AT, read_message, write_answer
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

RAX, RDI, RSI, _MESSAGE = Tcb.indices("rax", "rdi", "rsi", "rdx")
"""Words of the frame."""


class Way(NamedTuple):
    """How a trap sends."""

    blocking: bool = True
    calling: bool = False
    """Whether the caller waits for an answer."""

    answered: bool = True
    """Whether the caller's registers are for the status; else it will receive with them."""


class Invocation:
    """A message that a thread sends to the capability in ``slot``."""

    __slots__ = ("answered", "extras", "info", "place", "thread", "trap", "words")

    def __init__(
        self, trap: Trap, place: int, info: int, way: Way, count: int, extras: list[int]
    ) -> None:
        """Take ``count`` arguments from the caller's registers and buffer."""
        self.trap = trap
        self.thread = caller = trap.caller
        self.place = place
        """Physical address of the slot."""
        self.info = info
        self.answered = way.answered
        self.extras = extras
        """Physical addresses of the slots of the capabilities in the message."""
        words: tuple[int, ...] = read_message(trap.ram.view, caller + MESSAGE_AT)
        if count > _REGISTERS:
            words += self._rest(count)
        self.words = words[:count]
        """The arguments that the table of methods names; 0 if they would be in a buffer that
        the thread has not."""

    def _rest(self, count: int) -> tuple[int, ...]:
        words = self.trap.words
        buffer = words[(self.thread >> 3) + _BUFFER]
        if not buffer:
            return (0,) * (count - _REGISTERS)
        first = buffer + message.IPC_MESSAGE >> 3
        return tuple(words[first + _REGISTERS : first + count].tolist())

    @property
    def slot(self) -> Slot:
        """The slot of the capability that is invoked."""
        return Slot(self.trap.ram, self.place)

    @property
    def capabilities(self) -> tuple[Slot, ...]:
        """Those in the message that the table of methods names; each may be an empty slot."""
        return tuple([Slot(self.trap.ram, slot) for slot in self.extras])

    @property
    def tcb(self) -> Tcb:
        """The thread that is invoked, if the capability is to one."""
        return Tcb(self.trap.ram, self.slot.object)

    @property
    def length(self) -> int:
        """Words of the message."""
        return message.length_of(self.info)

    def word(self, index: int) -> int:
        """Message word ``index``; 0 if it would be in a buffer that the thread has not."""
        return message_word(self.trap.ram, self.thread, index)


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
        return words[(thread >> 3) + _MESSAGE + index]
    buffer = Tcb(ram, thread).buffer
    return words[(buffer + message.IPC_MESSAGE >> 3) + index] if buffer else 0


def extras(
    words: memoryview, thread: int, info: int
) -> tuple[list[int], tuple[int, LookupFailure] | None]:
    """Return the slots of the capabilities in a message, and the first address that has none."""
    slots: list[int] = []
    buffer = words[(thread >> 3) + _BUFFER]
    at = buffer + message.IPC_CAPABILITIES >> 3
    for index in range(at, at + (info >> message.EXTRA_SHIFT & 3) if buffer else at):
        slot = cnode.resolve(words, thread + CSPACE, words[index])
        if isinstance(slot, LookupFailure):
            return slots, (words[index], slot)
        slots.append(slot)
    return slots, None


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
    length = len(words)
    if length > _REGISTERS:
        length = _fill_buffer(ram, Tcb(ram, thread).buffer, words)
    registers = (words + _NO_WORDS)[:_REGISTERS] if words else _NO_WORDS
    info = label << _LABEL | length
    write_answer(ram.view, thread + ANSWER_AT, status, badge, info, *registers)


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
