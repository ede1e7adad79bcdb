"""Messages in the registers and IPC buffers of threads."""

from __future__ import annotations

from collections.abc import Sequence

from tests.properties.oracle.things import Tcb
from tests.properties.oracle.world import World
from vectoros.kernel.message import (
    EXTRA_SHIFT,
    IPC_CAPABILITIES,
    IPC_MESSAGE,
    LABEL_SHIFT,
    MAX_LENGTH,
)

MESSAGE = ("rdx", "r10", "r8", "r9")
UNWRAPPED_SHIFT = 9


def buffer_of(thread: Tcb) -> int:
    """Return the address of its IPC buffer, or 0."""
    cap = thread.cap("buffer")
    return cap.thing.address if cap else 0


def info(thread: Tcb) -> int:
    """Return the message info that it sends."""
    return thread.registers["rsi"]


def label_of(thread: Tcb) -> int:
    """Return the label of what it sends."""
    return info(thread) >> LABEL_SHIFT


def length_of(thread: Tcb) -> int:
    """Return how many words it says that it sends."""
    return min(info(thread) & 0x7F, MAX_LENGTH)


def message_of(world: World, thread: Tcb) -> list[int]:
    """Return the words that it sends; those that have no place are 0."""
    buffer = buffer_of(thread)
    words = [thread.registers[name] for name in MESSAGE]
    for index in range(4, length_of(thread)):
        words.append(world.word(buffer + IPC_MESSAGE + 8 * index) if buffer else 0)
    return words[: length_of(thread)]


def extra_addresses(world: World, thread: Tcb) -> list[int]:
    """Return the capability addresses that it sends."""
    buffer = buffer_of(thread)
    count = info(thread) >> EXTRA_SHIFT & 3 if buffer else 0
    return [world.word(buffer + IPC_CAPABILITIES + 8 * index) for index in range(count)]


def answer(
    world: World, thread: Tcb, words: Sequence[int] = (), *, badge: int = 0, label: int = 0,
    status: int = 0, extra: int = 0, unwrapped: int = 0,
) -> None:  # fmt: skip
    """Give a thread a message: what it asked for, or what another one sent."""
    buffer = buffer_of(thread)
    if not buffer:
        words = words[:4]
    registers = thread.registers
    registers["rax"], registers["rdi"] = status, badge
    registers["rsi"] = (
        label << LABEL_SHIFT | unwrapped << UNWRAPPED_SHIFT | extra << EXTRA_SHIFT | len(words)
    ) & (1 << 64) - 1
    for name, word in zip(MESSAGE, (*words, 0, 0, 0, 0), strict=False):
        registers[name] = word
    for index, word in enumerate(words[4:], 4):
        world.set_word(buffer + IPC_MESSAGE + 8 * index, word)


def rewind(thread: Tcb) -> None:
    """Let a thread make its trap again."""
    thread.registers["rip"] = (thread.registers["rip"] - 2) & (1 << 64) - 1
