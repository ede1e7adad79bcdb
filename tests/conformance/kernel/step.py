"""What a conformance case is made of: steps, each a trap's registers and the answer expected.

A case speaks only in words that a program in ring 3 can put into registers and into
its IPC buffer, and sees only what comes back there. It runs in the kernel without a
machine and in ring 3 of the machine; both must answer the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import IntEnum

from vectoros.kernel import message
from vectoros.kernel.errors import Error
from vectoros.kernel.methods import BY_LABEL
from vectoros.kernel.methods.row import Method

CALL, REPLY_RECV, SEND, NB_SEND, RECV, NB_RECV = 1, 2, 3, 4, 5, 6
WAIT, NB_WAIT, NB_SEND_RECV, NB_SEND_WAIT, YIELD = 7, 8, 9, 10, 11
"""Trap numbers, written down once more: the suite is a contract of its own."""

MESSAGE_WORD = 1
"""Index in the IPC buffer of message word 0."""

CAPABILITY_WORD, RECEIVE_WORD, LEASE_WORD = 122, 125, 128

LENDS = 1 << 9
"""In a Call's info: the IPC buffer names memory that is lent."""


class Kind(IntEnum):
    """What a step does."""

    TRAP = 1
    LOAD = 2
    """Read the word at an address."""

    STORE = 3
    SPIN = 4
    """Let time pass."""

    FPU = 5
    """Use an FPU register."""

    UNDEFINED = 6
    """Execute an undefined instruction."""

    JUMP = 7
    """Go on with another record; not in cases."""


@dataclass(frozen=True)
class Some:
    """A word that is not the same in every run, such as a time."""

    what: str
    fits: Callable[[int], bool]

    def __str__(self) -> str:
        return self.what


Word = int | Some
ANY = Some("anything", lambda _: True)


def between(low: int, high: int) -> Some:
    """Expect a word from ``low`` to ``high``."""
    return Some(f"{low:#x} to {high:#x}", lambda word: low <= word <= high)


@dataclass(frozen=True)
class Expected:
    """An answer."""

    status: int = 0
    badge: Word = 0
    label: int = 0
    words: tuple[Word, ...] = ()
    unwrapped: int = 0
    extra: int = 0
    """Capabilities that have arrived, and which of them as badges."""

    buffer: tuple[tuple[int, Word], ...] = ()
    """Words of the IPC buffer by index, besides the message's."""

    @property
    def info(self) -> int:
        """The message info."""
        high = self.label << message.LABEL_SHIFT | self.unwrapped << 9
        return high | self.extra << message.EXTRA_SHIFT | len(self.words)


Answer = tuple[int, ...]
"""rax, rdi, rsi, rdx, r10, r8 and r9, and what :attr:`Step.reads` names."""

BLOCKS: None = None
"""Instead of an answer: the step has not ended when the case does."""


@dataclass(frozen=True)
class Step:
    """One thing that a thread does."""

    kind: Kind = Kind.TRAP
    by: str = "root"
    rax: int = 0
    rdi: int = 0
    rsi: int = 0
    words: tuple[int, ...] = ()
    """The message; words 4 and on go through the IPC buffer."""

    r12: int = 0
    r13: int = 0
    buffer: tuple[tuple[int, int], ...] = ()
    """More words of the IPC buffer, by index."""

    line: int | None = None
    """Of a SPIN: the interrupt that arrives in this time; a machine's comes by itself."""

    times: int = 1
    """How often the trap is made; the answer is that to the last."""

    next_slot: int = 0
    """What is added to the invoked capability's address each time."""

    next_capability: int = 0
    """What is added to that of the first capability in the message."""

    expected: Expected | None = Expected()
    condition: int | None = None
    """Which condition of its method's row the step meets."""

    # -- who, and with what --------------------------------------------------

    def from_(self, thread: str) -> Step:
        """Let ``thread`` do it."""
        return replace(self, by=thread)

    def put(self, index: int, *words: int) -> Step:
        """Write ``words`` into the IPC buffer first, from ``index`` on."""
        return replace(self, buffer=(*self.buffer, *enumerate(words, index)))

    def carrying(self, *capabilities: int) -> Step:
        """Send capability addresses along."""
        count = len(capabilities) << message.EXTRA_SHIFT
        return replace(self, rsi=self.rsi | count).put(CAPABILITY_WORD, *capabilities)

    def into(self, cnode: int, index: int, depth: int = 64) -> Step:
        """Name the slot for a capability that is received."""
        return self.put(RECEIVE_WORD, cnode, index, depth)

    def lending(self, base: int, length: int, rights: int) -> Step:
        """Lend memory while the Call lasts."""
        lent = replace(self, rsi=self.rsi | LENDS)
        return lent.put(LEASE_WORD, base, length, rights)

    def cut(self, length: int) -> Step:
        """Say that the message has only ``length`` words; it is refused for that."""
        info = self.rsi & ~((1 << message.LENGTH_BITS) - 1) | length
        return replace(self, rsi=info)._refuse(Error.TRUNCATED_MESSAGE)

    def bare(self) -> Step:
        """Send no capability along; the message is refused for that."""
        info = self.rsi & ~(3 << message.EXTRA_SHIFT)
        return replace(self, rsi=info)._refuse(Error.TRUNCATED_MESSAGE)

    def via(self, trap: int) -> Step:
        """Use another trap."""
        return replace(self, rax=trap)

    def repeated(self, times: int, *, next_slot: int = 0, next_capability: int = 0) -> Step:
        """Make the trap for so many capabilities in neighbouring slots."""
        return replace(self, times=times, next_slot=next_slot, next_capability=next_capability)

    # -- what comes of it ----------------------------------------------------

    def gives(self, *words: Word) -> Step:
        """Expect a result."""
        return replace(self, expected=Expected(words=words))

    def gets(
        self, *words: Word, badge: Word = 0, label: int = 0, unwrapped: int = 0, extra: int = 0,
        buffer: tuple[tuple[int, Word], ...] = (),
    ) -> Step:  # fmt: skip
        """Expect a message."""
        return replace(self, expected=Expected(0, badge, label, words, unwrapped, extra, buffer))

    def refused(self, error: Error, *words: int, because: str = "") -> Step:
        """Expect a refusal that the method's row has.

        Where the row has more conditions with this error, the words or ``because``, the
        start of the condition's text, say which one it is.
        """
        row = self.method
        conditions = () if row is None else row.conditions
        found = [
            index
            for index, condition in enumerate(conditions)
            if condition.error is error and condition.meaning.startswith(because)
        ]
        if len(found) > 1:
            said = ", ".join(map(str, words))
            found = [index for index in found if conditions[index].words == said]
        if len(found) != 1:
            name = row.signature if row is not None else "the trap"
            raise ValueError(f"{name}: {len(found)} conditions are {error.name} {because!r}")
        return replace(self._refuse(error, *words), condition=found[0])

    def illegal(self) -> Step:
        """Expect a refusal that no row has: no such method, or a policy's."""
        return self._refuse(Error.ILLEGAL_OPERATION)

    def invalid(self, which: int = 0) -> Step:
        """Expect that capability ``which`` is not what a trap needs."""
        return self._refuse(Error.INVALID_CAPABILITY, which)

    def out_of_range(self, least: int, greatest: int) -> Step:
        """Expect that a word is not from ``least`` to ``greatest``."""
        return self._refuse(Error.RANGE_ERROR, least, greatest)

    def truncated(self) -> Step:
        """Expect that words or capabilities are missing."""
        return self._refuse(Error.TRUNCATED_MESSAGE)

    def unchanged(self) -> Step:
        """Expect status 0, and all other registers as they were."""
        return replace(self, expected=Expected(badge=self.rdi))

    def lost(self, kind: int, *fields: int) -> Step:
        """Expect that the capability address leads nowhere, from a trap that does not wait."""
        return self._refuse(Error.FAILED_LOOKUP, 0, kind, *fields)

    def _refuse(self, error: Error, *words: int) -> Step:
        return replace(self, expected=Expected(int(error), 0, int(error), words))

    def blocks(self) -> Step:
        """Expect that the step never ends."""
        return replace(self, expected=BLOCKS)

    def cut_off(self) -> Step:
        """Expect that another thread runs before the step has ended, until the case does."""
        return self.blocks()

    # -- for the runners -----------------------------------------------------

    @property
    def method(self) -> Method | None:
        """The row of the method that it invokes, if it does."""
        return BY_LABEL.get(self.rsi >> message.LABEL_SHIFT)

    @property
    def inputs(self) -> tuple[tuple[int, int], ...]:
        """What to write into the IPC buffer: indices and words."""
        rest = enumerate(self.words[message.REGISTERS :], MESSAGE_WORD + message.REGISTERS)
        return (*rest, *self.buffer)

    @property
    def registers(self) -> tuple[int, ...]:
        """rax, rdi, rsi, rdx, r10, r8, r9, r12 and r13."""
        four = (*self.words, 0, 0, 0, 0)[: message.REGISTERS]
        return (self.rax, self.rdi, self.rsi, *four, self.r12, self.r13)

    @property
    def reads(self) -> tuple[int, ...]:
        """Indices in the IPC buffer of what the answer is to tell."""
        if self.expected is None:
            return ()
        first = MESSAGE_WORD + message.REGISTERS
        words = range(first, MESSAGE_WORD + len(self.expected.words))
        return (*words, *(index for index, _ in self.expected.buffer))


def judge(step: Step, answer: Answer | None) -> str | None:
    """Return what is wrong with ``answer``, or None."""
    expected = step.expected
    if answer is None or expected is None:
        if answer is None and expected is None:
            return None
        return "it never ended" if answer is None else f"it ended: {shown(answer)}"
    if step.kind is not Kind.TRAP:
        wanted: tuple[Word, ...] = expected.words
        got: Answer = answer[: len(wanted)]
    else:
        wanted = (expected.status, expected.badge, expected.info, *expected.words)
        wanted += tuple(word for _, word in expected.buffer)
        length = min(len(expected.words), message.REGISTERS)
        got = (*answer[: 3 + length], *answer[7:])
    if len(wanted) == len(got) and all(map(_fits, wanted, got)):
        return None
    return f"expected {shown(wanted)}, got {shown(got)}"


def _fits(wanted: Word, got: int) -> bool:
    return wanted.fits(got) if isinstance(wanted, Some) else wanted == got


def shown(words: Iterable[Word]) -> str:
    """Return words as a person reads them: status, badge, info, message."""
    return " ".join(str(word) if isinstance(word, Some) else f"{word:#x}" for word in words)


def comparable(step: Step, answer: Answer | None) -> Answer | None:
    """Return ``answer`` without the words that differ from run to run."""
    expected = step.expected
    if answer is None or expected is None or step.kind is not Kind.TRAP:
        return answer
    kept = list(answer)
    if isinstance(expected.badge, Some):
        kept[1] = 0
    for index, word in enumerate((*expected.words, *(word for _, word in expected.buffer))):
        if isinstance(word, Some):
            kept[3 + index + max(0, 4 - len(expected.words)) * (index >= len(expected.words))] = 0
    return tuple(kept)


@dataclass(frozen=True)
class Case:
    """One id of the suite."""

    id: str
    title: str
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Outcome:
    """What a runner saw of a case."""

    answers: tuple[Answer | None, ...]
    """Of each step."""

    trouble: str = ""
    """What went wrong besides answers: the wrong thread ran, an invariant does not hold."""

    def problem(self, case: Case) -> str | None:
        """Return the first thing that is not as expected, or None."""
        for number, (step, answer) in enumerate(zip(case.steps, self.answers, strict=True)):
            wrong = judge(step, answer)
            if wrong is not None:
                row = step.method
                name = f" {row.object.name}.{row.name}" if row else ""
                return f"step {number} ({step.by}, trap {step.rax}{name}): {wrong}" + (
                    f"; {self.trouble}" if self.trouble else ""
                )
        return self.trouble or None
