"""What holds for any trap at all: no exception, no change with an error, nothing forgotten."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.kernel.plain_memory import difference
from tests.kernel.system import BLOCK, DEV, System, memory_of, serve_boot
from vectoros.kernel.abi import State, Trap
from vectoros.kernel.gate import Reason
from vectoros.kernel.message import info
from vectoros.kernel.methods import METHODS
from vectoros.kernel.process_layout import Init
from vectoros.kernel.tcb import Tcb
from vectoros.kernel_image import inspect, invariants

SIZE = 4 << 20
BOOTED = bytes(serve_boot(memory_of(DEV, size=SIZE)).data)

ANY = st.integers(0, 2**64 - 1)
SLOTS = st.one_of(st.sampled_from([*Init, *range(70), 128, 200, 255, 256]), ANY)
WORDS = st.one_of(st.integers(0, 300), st.sampled_from([0x3F8, 0x70, 0x604, 1 << 47]), ANY)
INFOS = st.one_of(
    st.builds(
        lambda label, length, extra: info(label, length) | extra << 7,
        st.sampled_from([method.label for method in METHODS]),
        st.integers(0, 5),
        st.sampled_from([0, 0, 0, 1, 3]),
    ),
    st.integers(0, 2**64 - 1),
)
NUMBERS = st.one_of(st.sampled_from([*Trap, Trap.CALL, Trap.CALL]), ANY)


@dataclass(frozen=True)
class Words:
    """The registers of a trap."""

    rax: int
    rdi: int
    rsi: int
    words: tuple[int, ...]
    r12: int
    capability: int


TRAPS = st.builds(Words, NUMBERS, SLOTS, INFOS, st.tuples(WORDS, WORDS, WORDS, WORDS), SLOTS, SLOTS)


def make(system: System, words: Words) -> None:
    """Let the running thread trap with ``words``, or let a clock interrupt an idle machine."""
    if not system.block.next:
        system.trap(Reason.INTERRUPT, vector=0x28)
        return
    thread = system.running
    system.attach(thread, words.capability)
    system.syscall(words.rax, words.rdi, words.rsi, words.words, r12=words.r12)


def masked(system: System, thread: Tcb) -> bytearray:
    """Return memory without what an error may change: results, accounts, the gate block."""
    data = bytearray(system.data)
    for name in ("rax", "rdi", "rsi", "rdx", "r10", "r8", "r9", "r12", "vector", "consumed"):
        at = thread.address + Tcb.fields[name].offset
        data[at : at + 8] = bytes(8)
    data[thread.buffer : thread.buffer + 1024] = bytes(1024)
    data[BLOCK : BLOCK + 4096] = bytes(4096)
    log = system.root.audit.object
    data[log : log + 4096] = bytes(4096)
    processor = system.root.processor
    for name in ("started", "timer", "budget_end"):
        at = processor.address + processor.fields[name].offset
        data[at : at + 8] = bytes(8)
    return data


@settings(max_examples=150)
@given(TRAPS, st.booleans())
def test_an_error_changes_nothing_but_the_registers_of_its_answer(
    words: Words, as_shell: bool
) -> None:
    system = System(bytearray(BOOTED))
    if as_shell:
        system.syscall(Trap.WAIT, Init.NOTIFICATION)
    thread = system.running
    system.attach(thread, words.capability)
    before = masked(system, thread)
    fault = thread.fault
    rip = thread.rip
    make(system, words)
    refused = thread.rax and system.block.next == thread.address and thread.fault == fault
    if refused and thread.rip == rip:
        assert difference(masked(system, thread), before) is None
        assert system.ops == []


@settings(max_examples=60)
@given(st.lists(TRAPS, min_size=20, max_size=60))
def test_no_traps_raise_an_exception_or_break_an_invariant(traps: list[Words]) -> None:
    system = System(bytearray(BOOTED))
    for words in traps:
        make(system, words)
        running = (thread.state == State.RUNNING for thread in inspect.threads(system.root))
        if not system.block.next and not any(running):
            break
    invariants.check(system.root)


class Continuing(RuleBasedStateMachine):
    """A kernel over a copy of the memory goes on exactly as the first one does."""

    @initialize()
    def start(self) -> None:
        self.system = System(bytearray(BOOTED))

    @rule(words=TRAPS)
    def trap(self, words: Words) -> None:
        other = self.system.copy()
        make(self.system, words)
        make(other, words)
        assert difference(self.system.data, other.data) is None

    @rule(vector=st.integers(0, 0x40), cr2=st.integers(0, 2**64 - 1))
    def exception(self, vector: int, cr2: int) -> None:
        outside = vector >= 0x20 or not self.system.block.next
        reason = Reason.INTERRUPT if outside else Reason.EXCEPTION
        other = self.system.copy()
        for system in (self.system, other):
            system.trap(reason, vector=vector, error=vector & 0x1F, cr2=cr2)
        assert difference(self.system.data, other.data) is None

    @invariant()
    def all_invariants(self) -> None:
        invariants.check(self.system.root)


Continuing.TestCase.settings = settings(max_examples=25, stateful_step_count=15)
TestContinuing = Continuing.TestCase
