"""A kernel and the oracle in lock step: each trap is made by both, and all is compared."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.kernel import plain_memory
from tests.kernel.system import BLOCK, STUB_TICKS, System
from tests.properties.abstraction import State, describe, read
from tests.properties.oracle.boot import world_of
from tests.properties.oracle.lookup import named
from tests.properties.oracle.machine import TIMER, Oracle, Times
from tests.properties.oracle.refusal import NotFound
from tests.properties.oracle.scheduling import next_event
from tests.properties.oracle.state import state
from tests.properties.oracle.things import Tcb as Model
from tests.properties.oracle.world import NEVER
from vectoros.kernel.abi import COST_UNIT, Trap
from vectoros.kernel.abi import State as ThreadState
from vectoros.kernel.errors import Error
from vectoros.kernel.frame import FRAME_SYSCALL, SYSCALL_BYTES
from vectoros.kernel.frame import SIZE as FRAME_SIZE
from vectoros.kernel.gate import Reason
from vectoros.kernel.irq import FIRST_VECTOR
from vectoros.kernel.message import (
    EXTRA_SHIFT,
    IPC_CAPABILITIES,
    IPC_LEASE,
    IPC_MESSAGE,
    IPC_RECEIVE_CNODE,
    LENDS,
    info,
)
from vectoros.kernel.methods import BY_LABEL, label
from vectoros.kernel.objects import Type
from vectoros.kernel.scheduler import SUMMARIES
from vectoros.kernel.tcb import Tcb
from vectoros.kernel_image import invariants

SOUND_EVERY = 10
"""Steps between two checks of all invariants, which take longer than a trap."""

MOST_INTERRUPTS = 40
"""Of the timer while time passes: then the rest of it does not."""

MESSAGE = ("rdx", "r10", "r8", "r9")


@dataclass(frozen=True)
class Words:
    """A system call: the registers, and what is in the IPC buffer."""

    trap: int
    rdi: int
    label: int = 0
    words: tuple[int, ...] = ()
    extras: tuple[int, ...] = ()
    r12: int = 0
    r13: int = 0
    receive: tuple[int, int, int] | None = None
    """CNode, index and depth of the slot for a capability."""
    lease: tuple[int, int, int] | None = None

    @property
    def registers(self) -> dict[str, int]:
        """What is in the registers."""
        message = (*self.words, 0, 0, 0, 0)[:4]
        return {
            "rax": self.trap, "rdi": self.rdi, "r12": self.r12, "r13": self.r13,
            "rsi": info(self.label, len(self.words))
            | len(self.extras) << EXTRA_SHIFT
            | (LENDS if self.lease else 0),
            **dict(zip(MESSAGE, message, strict=True)),
        }  # fmt: skip

    @property
    def buffer(self) -> dict[int, int]:
        """What is written into the IPC buffer, by offset."""
        found = {IPC_MESSAGE + 8 * n: word for n, word in enumerate(self.words) if n >= 4}
        for base, values in (
            (IPC_CAPABILITIES, self.extras),
            (IPC_RECEIVE_CNODE, self.receive or ()),
            (IPC_LEASE, self.lease or ()),
        ):
            found |= {base + 8 * n: word for n, word in enumerate(values)}
        return found

    def __str__(self) -> str:
        """Return the trap as a line of a test."""
        trap = Trap(self.trap).name if self.trap in list(Trap) else f"{self.trap:#x}"
        row = BY_LABEL.get(self.label)
        words = [f"{word:#x}" for word in self.words]
        method = f"label={self.label:#x}"
        if row and len(words) >= len(row.arguments):
            pairs = zip(row.arguments, words, strict=False)
            words = [f"{name}={word}" for name, word in pairs] + words[len(row.arguments) :]
        if row:
            method = f"{row.object.name}.{row.name}"
        rest = [f"*{address:#x}" for address in self.extras]
        for name in ("r12", "r13"):
            if getattr(self, name):
                rest.append(f"{name}={getattr(self, name):#x}")
        for name in ("receive", "lease"):
            if getattr(self, name):
                rest.append(f"{name}={getattr(self, name)}")
        return f"{trap} {self.rdi:#x} {method}({', '.join([*words, *rest])})"


class Abandoned(Exception):
    """A thread took its own time away in the middle of a long trap, which is never finished."""


class Disagreement(AssertionError):
    """The kernel did something else than the oracle."""


@dataclass(repr=False)
class Lockstep:
    """Both, and what they have done."""

    system: System
    oracle: Oracle = field(init=False)
    log: list[str] = field(default_factory=list)
    preempted: int = 0
    refused: int = 0
    checking: bool = True

    def __post_init__(self) -> None:
        self.oracle = Oracle(world_of(describe(self.system)))

    def copy(self) -> Lockstep:
        """Return a pair that goes on from here."""
        return Lockstep(self.system.copy(), [*self.log])

    @property
    def idle(self) -> bool:
        """Whether no thread runs."""
        return not self.system.block.next

    def call(self, slot: int, kind: Type, name: str, *args: int, caps: tuple[int, ...] = ()) -> int:
        """Invoke a method; return the status."""
        self.trap(Words(Trap.CALL, slot, label(kind, name), args, caps))
        return self.status

    status: int = 0
    later: int = 0
    """Ticks that will have passed when the next trap is made."""
    _last: Model | None = None

    def trap(self, words: Words) -> None:
        """Let the running thread make a system call, in both."""
        thread = self.system.running
        self.log.append(f"{thread.address:#x}: {words}")
        self._last, preempted = self.oracle.running, self.preempted
        before = bytearray(self.system.data) if self.checking else bytearray()
        old = thread.fault, thread.rip, thread.state
        audited = len(self.oracle.world.audit)
        self._write(thread, words)
        times = self._made(thread, words.registers)
        self.oracle.trap(*times, **words.registers)
        if self._abandoned(thread, words, preempted):
            invariants.check(self.system.root)
            raise Abandoned
        self.status = thread.rax
        self.log[-1] += f" -> {self._outcome(thread)}"
        self.compare()
        refused = thread.rax in list(Error)[1:] and self.system.block.next == thread.address
        self.refused += refused
        if self.checking and refused and (thread.fault, thread.rip, thread.state) == old:
            self._unchanged(before, thread, audited != len(self.oracle.world.audit))

    def _abandoned(self, thread: Tcb, words: Words, preempted: int) -> bool:
        """Whether the trap was preempted, and could not be made again to the end.

        Who deletes its own time, CSpace or what it invokes on the way stops in the middle.
        """
        model = self.oracle.world.things.get((Type.TCB, thread.address)) or self._last
        assert isinstance(model, Model)
        again = thread.rip == model.registers["rip"] - SYSCALL_BYTES
        if again and self.system.block.next != thread.address:
            return True
        try:
            gone = named(model.cap("cspace"), words.rdi).cap is None
        except NotFound:
            gone = True
        return gone and self.preempted > preempted

    def _outcome(self, thread: Tcb) -> str:
        if thread.state != ThreadState.RUNNING:
            return ThreadState(thread.state).name
        name = Error(thread.rax).name if thread.rax in list(Error) else hex(thread.rax)
        return f"{name} {[hex(word) for word in self.system.words(thread)]}"

    def _write(self, thread: Tcb, words: Words) -> None:
        for name, value in words.registers.items():
            setattr(thread, name, value)
        if thread.buffer:
            for offset, word in words.buffer.items():
                self.system.ram.words[thread.buffer + offset >> 3] = word
                self.oracle.world.set_word(thread.buffer + offset, word)

    def _made(self, thread: Tcb, registers: dict[str, int]) -> list[Times]:
        """Make the trap again as long as it is preempted; return when it was made."""
        rip, times = thread.rip, []
        for _ in range(10_000):
            thread.vector = FRAME_SYSCALL
            times.append(self._ring(Reason.SYSCALL))
            again = self.system.block.next == thread.address and thread.rip != rip
            if not again or thread.state != ThreadState.RUNNING:
                return times
            assert thread.rip == rip - SYSCALL_BYTES
            assert all(getattr(thread, name) == value for name, value in registers.items())
            thread.rip = rip
            self.preempted += 1
            if self.checking:
                invariants.check(self.system.root)
        raise Disagreement(f"a trap does not end\n{self}")

    def interrupt(self, line: int) -> None:
        """Let a line interrupt, in both."""
        self.log.append(f"interrupt {line}")
        time = self._ring(Reason.INTERRUPT, vector=FIRST_VECTOR + line)
        self.oracle.interrupt(line, time)
        self.compare()

    def let_pass(self, ticks: int) -> None:
        """Let time pass until the next trap, and the timer interrupt when it is due."""
        self.log.append(f"{ticks} ticks pass")
        self.later += ticks
        for _ in range(MOST_INTERRUPTS):
            timer = self.system.root.processor.timer
            late = self._earliest() + self.later - timer
            if not timer or late < 0:
                break
            self.later = min(self.later, max(0, self.later - late))
            self.interrupt(TIMER)
            self.later = max(0, late - self._spent())

    def _spent(self) -> int:
        return self.system.block.cost * COST_UNIT + STUB_TICKS

    def _earliest(self) -> int:
        """Return the tick of the next trap if the thread makes it at once."""
        return self.system.block.now + self._spent()

    def _ring(self, reason: Reason, *, vector: int = 0, error: int = 0, cr2: int = 0) -> Times:
        """Let the kernel serve a trap; return when that was."""
        now, self.later = self._earliest() + self.later, 0
        self.system.trap(reason, now=now, vector=vector, error=error, cr2=cr2)
        charged = self.system.root.processor.started
        settled = charged > now
        return Times(now, charged if settled else self._ends(), settled)

    def _ends(self) -> int:
        block = self.system.block
        return block.now + block.cost * COST_UNIT

    def exception(self, vector: int, error: int, address: int) -> None:
        """Let the running thread fault, in both."""
        self.log.append(f"{self.system.running.address:#x}: exception {vector} {error:#x}")
        time = self._ring(Reason.EXCEPTION, vector=vector, error=error, cr2=address)
        self.oracle.exception(vector, error, address, time)
        self.compare()

    def compare(self) -> None:
        """Hold the two against each other."""
        if not self.checking:
            return
        got, expected = read(self.system), state(self.oracle.world)
        if got != expected:
            raise Disagreement(f"{difference(got, expected)}\n{self}")
        self._plans()
        self._costs()
        if not len(self.log) % SOUND_EVERY:
            invariants.check(self.system.root)

    def _plans(self) -> None:
        """The timer interrupts by the time at which something is to be decided."""
        due, timer = next_event(self.oracle.world), self.system.root.processor.timer
        if due != NEVER and not 0 < timer <= due:
            raise Disagreement(f"the timer is set to {timer}, and is needed at {due}\n{self}")

    def _costs(self) -> None:
        """What a trap costs is what it did, and who runs after it."""
        block, oracle = self.system.block, self.oracle
        did = oracle.time.until - oracle.time.now
        price = oracle.price * COST_UNIT
        if did != (block.cost - oracle.extra) * COST_UNIT or (
            did < price if oracle.world.works else did != price
        ):
            what = f"{block.cost} units, {oracle.extra} of them for who is next"
            raise Disagreement(f"it costs {what}, and the price is {price} ticks\n{self}")

    def _unchanged(self, before: bytearray, thread: Tcb, audited: bool) -> None:
        """T1: an error changes registers, accounts and the audit log, and nothing else."""
        after = bytearray(self.system.data)
        for data in (before, after):
            self._mask(data, thread, audited)
        changed = plain_memory.difference(after, before)
        if changed is not None:
            raise Disagreement(f"an error changed memory {changed}\n{self}")

    def _mask(self, data: bytearray, thread: Tcb, audited: bool) -> None:
        root, processor = self.system.root, self.system.root.processor
        spans = [(thread.address, FRAME_SIZE), (BLOCK, 4096), (processor.address, SUMMARIES)]
        if thread.buffer:
            spans.append((thread.buffer, 4096))
        if audited:
            spans.append((root.audit.object, 4096))
        spans.append((thread.address + Tcb.fields["consumed"].offset, 8))
        if thread.sched_context:
            spans.append((thread.sched_context, 256))
        for start, size in spans:
            data[start : start + size] = bytes(size)

    def __str__(self) -> str:
        """Return the sequence."""
        return "\n".join(f"{number:3} {line}" for number, line in enumerate(self.log, 1))


def difference(got: State, expected: State) -> str:
    """Return what the kernel has and the oracle has not, and the other way round."""
    got, expected = ({**each, ("audit",): each["audit",][-3:]} for each in (got, expected))
    lines = [
        f"{' '.join(_text(part) for part in key)}:\n    kernel {_text(got.get(key, '-'))}\n"
        f"    oracle {_text(expected.get(key, '-'))}"
        for key in sorted({*got, *expected}, key=str)
        if got.get(key) != expected.get(key)
    ]
    return "\n".join(lines[:20])


def _text(value: object) -> str:
    if isinstance(value, tuple) and len(value) < 80:
        return f"({', '.join(map(_text, value))})"
    return hex(value) if type(value) is int and value > 9 else str(value)
