"""The runner without a machine: each step is written into the frame of the thread that runs.

What the puppet, the stubs and the processor would do besides is done here: page faults,
the timer's interrupt, ports, and CR0.TS.
"""

from __future__ import annotations

import functools

from tests.conformance.kernel import puppet, script
from tests.conformance.kernel.step import CALL, CAPABILITY_WORD, Answer, Case, Kind, Outcome, Step
from tests.kernel.system import System, fill_kernel_half, serve_boot
from vectoros.kernel import irq, message, methods
from vectoros.kernel.abi import COST_UNIT
from vectoros.kernel.dispatch import PIT_HZ
from vectoros.kernel.frame import FRAME_SYSCALL, SYSCALL_BYTES
from vectoros.kernel.gate import Flag, Op, Reason
from vectoros.kernel.objects import Type
from vectoros.kernel.process_layout import IPC_BUFFER, Init
from vectoros.kernel.tcb import VSPACE, Tcb
from vectoros.kernel.vspace import ADDRESS, Entry
from vectoros.kernel_image import inspect, invariants
from vectoros.units import TICKS_PER_SECOND

PAGE_FAULT, NO_FPU, INVALID_OPCODE = 14, 7, 6
WRITE, USER = 2, 4
"""Bits of a page fault's error code, besides that the page is present."""

LIMIT_TICKS = 160_000_000
STEPS_AT_MOST = 4_000


UNTYPED, DEVICE = 57, 58
"""Slots of the first thread where the cases find memory."""

UNTYPED_AT, DEVICE_AT = 8 << 20, 14 << 20
"""Which boot untypeds that is: where they are in the CNode depends on the size of the kernel."""

MOVES = 2
"""Steps of the prelude, each of which the audit log has."""


@functools.cache
def prelude() -> Case:
    """Return how the first thread gets ready for any case: it moves memory to fixed slots."""
    system = System(bytearray(_booted()))
    slots = inspect.capabilities(system.root, system.slot(system.running, Init.CNODE))
    found = {cap.object: n for n, cap in slots.items() if cap.type is Type.UNTYPED}
    steps = (_move(found[UNTYPED_AT], UNTYPED), _move(found[DEVICE_AT], DEVICE))
    return Case("prelude", "memory is in fixed slots", steps)


def _move(source: int, target: int) -> Step:
    label = methods.label(Type.CNODE, "Move")
    words = (target, 64, source, 64)
    step = Step(rax=CALL, rdi=Init.CNODE, rsi=message.info(label, 4), words=words)
    return step.carrying(Init.CNODE)


@functools.cache
def ready() -> bytes:
    """Return RAM after :func:`prelude`."""
    run = _Run(prelude(), _booted())
    problem = run.run().problem(prelude())
    if problem is not None:
        raise RuntimeError(problem)
    return bytes(run.system.data)


@functools.cache
def _booted() -> bytes:
    """Return RAM after BOOT, with the first thread where the puppet waits for a script."""
    data = bytearray(puppet.memory())
    fill_kernel_half(data)
    system = serve_boot(data)
    if not system.block.next:
        raise RuntimeError(system.panic)
    thread = system.running
    thread.rbx = puppet.AREAS
    thread.r15 = IPC_BUFFER
    return bytes(data)


class Host:
    """Runs cases, each on a fresh copy of the memory after boot."""

    def run(self, case: Case) -> Outcome:
        """Run ``case`` from the state after boot."""
        return _Run(case, ready()).run()


class _Run:
    """One case on its way."""

    def __init__(self, case: Case, memory: bytes) -> None:
        self.case = case
        self.system = System(bytearray(memory))
        self.ram = self.system.ram
        self.answers: list[Answer | None] = [None] * len(case.steps)
        self.next = 0
        self.left = 1
        """How often the step that is repeated is to be made yet."""
        self.pending: dict[str, int] = {}
        self.records = {
            name: puppet.AREAS + at * script.AREA_SIZE for at, name in enumerate(script.THREADS)
        }
        block = self.system.block
        self.now = self.start = block.now + COST_UNIT * block.cost
        self.timer = 0
        self.fpu_closed = True
        self.spins: dict[str, int] = {}
        self.ports: dict[int, int] = {}

    def run(self) -> Outcome:
        trouble = self._go()
        if not trouble:
            try:
                invariants.check(self.system.root)
            except Exception as error:
                trouble = f"an invariant is broken: {error}"
        return Outcome(tuple(self.answers), trouble)

    def _go(self) -> str:
        for _ in range(STEPS_AT_MOST):
            if self.now - self.start > LIMIT_TICKS:
                return self._unstarted()
            if not self.system.block.next:
                if not self.timer:
                    return self._unstarted()
                self._tick()
                continue
            thread = self.system.running
            name = script.THREADS[(thread.rbx - puppet.AREAS) // script.AREA_SIZE]
            number = self.pending.get(name)
            if number is None:
                if self.next == len(self.case.steps):
                    return ""
                number = self.next
                step = self.case.steps[number]
                if step.by != name:
                    return f"step {number} is {step.by}'s, and {name} runs"
                self.next += 1
                self.pending[name] = number
                self._begin(thread, step)
            elif self._ended(thread, self.case.steps[number]):
                self.records[name] += script.size_of(self.case.steps[number])
                del self.pending[name]
                continue
            self._do(thread, name, self.case.steps[number])
        return "the case does not end"

    def _unstarted(self) -> str:
        if self.next == len(self.case.steps):
            return ""
        step = self.case.steps[self.next]
        return f"step {self.next} ({step.by}) was not started: nobody runs"

    # -- a step ----------------------------------------------------------------

    def _begin(self, thread: Tcb, step: Step) -> None:
        """Do what the puppet does before a step."""
        for at, word in step.inputs:
            self._put(thread, at, word)
        thread.rbp, thread.r14 = puppet.COMMON, self.records[step.by]
        if step.kind is Kind.TRAP:
            self.left = step.times
            self._load(thread, step)
            return
        thread.rax, thread.rdi, thread.rsi = step.registers[:3]
        label = f"step_{step.kind.name.lower()}"
        thread.rip = puppet.labels()[label]
        if step.kind is Kind.SPIN:
            self.spins[step.by] = step.rax

    def _load(self, thread: Tcb, step: Step) -> None:
        """Load the registers of a trap."""
        registers = ("rax", "rdi", "rsi", "rdx", "r10", "r8", "r9", "r12", "r13")
        for name, word in zip(registers, step.registers, strict=True):
            setattr(thread, name, word)
        thread.rip = puppet.labels()["make_trap"]

    def _ended(self, thread: Tcb, step: Step) -> bool:
        """Whether the thread is behind its step; then note the answer."""
        if step.kind is not Kind.TRAP:  # those end when they are done, or a handler says so
            skipped = thread.rip == puppet.labels()["end_step"]
            if skipped:
                self._note_rax(thread, step)
            return skipped
        if thread.rip != puppet.labels()["after_trap"]:
            return False
        if self.left > 1:
            self._again(thread, step)
            return False
        self._note(thread, step)
        return True

    def _again(self, thread: Tcb, step: Step) -> None:
        """Get ready for the same trap, with the next capabilities."""
        self.left -= 1
        done = step.times - self.left
        if step.next_capability:
            first = next(word for at, word in step.inputs if at == CAPABILITY_WORD)
            self._put(thread, CAPABILITY_WORD, first + done * step.next_capability)
        self._load(thread, step)
        thread.rdi = step.rdi + done * step.next_slot

    def _put(self, thread: Tcb, index: int, word: int) -> None:
        """Write a word of the IPC buffer."""
        address = self._translate(thread, thread.r15 + 8 * index, WRITE)
        if isinstance(address, tuple):
            raise ValueError(f"{self.case.id}: no IPC buffer at {thread.r15:#x}")
        self.ram.words[address >> 3] = word

    def _note(self, thread: Tcb, step: Step) -> None:
        number = self.pending[step.by]
        reads = []
        for at in step.reads:
            address = self._translate(thread, thread.r15 + 8 * at, 0)
            reads.append(0 if isinstance(address, tuple) else self.ram.words[address >> 3])
        registers = (
            thread.rax, thread.rdi, thread.rsi, thread.rdx, thread.r10, thread.r8, thread.r9,
        )  # fmt: skip
        self.answers[number] = (*registers, *reads)

    def _note_rax(self, thread: Tcb, step: Step) -> None:
        """Note the answer of a step that is no trap."""
        self.answers[self.pending[step.by]] = (thread.rax, *(0,) * 6)

    def _do(self, thread: Tcb, name: str, step: Step) -> None:
        if self.timer and self.timer <= self.now:
            self._tick()
            return
        match step.kind:
            case Kind.TRAP:
                thread.rip += SYSCALL_BYTES
                thread.rcx, thread.r11 = thread.rip, thread.rflags
                thread.vector = FRAME_SYSCALL
                self._trap(Reason.SYSCALL)
            case Kind.SPIN:
                self._spin(thread, name, step)
            case Kind.FPU:
                if self.fpu_closed:
                    self._trap(Reason.EXCEPTION, vector=NO_FPU)
                else:
                    self._done(thread, name, step)
            case Kind.UNDEFINED:
                self._trap(Reason.EXCEPTION, vector=INVALID_OPCODE)
            case _:
                self._access(thread, name, step)

    def _done(self, thread: Tcb, name: str, step: Step) -> None:
        """End a step that is no trap."""
        self._note_rax(thread, step)
        self.records[name] += script.size_of(step)
        del self.pending[name]

    def _access(self, thread: Tcb, name: str, step: Step) -> None:
        write = WRITE if step.kind is Kind.STORE else 0
        found = self._translate(thread, thread.rdi, write)
        if isinstance(found, tuple):
            self._trap(Reason.EXCEPTION, vector=PAGE_FAULT, error=found[0], cr2=thread.rdi)
            return
        if write:
            self.ram.words[found >> 3] = thread.rax
        else:
            thread.rax = self.ram.words[found >> 3]
        self._done(thread, name, step)

    def _spin(self, thread: Tcb, name: str, step: Step) -> None:
        end = self.now + self.spins[name]
        if self.timer and self.timer < end:
            self.spins[name] = end - self.timer
            self.now = self.timer
            self._tick()
            return
        self.now, self.spins[name], thread.rax = end, 0, 0
        self._done(thread, name, step)
        if step.line is not None:
            self._trap(Reason.INTERRUPT, vector=irq.FIRST_VECTOR + step.line)

    # -- the processor ---------------------------------------------------------

    def _translate(self, thread: Tcb, virtual: int, write: int) -> int | tuple[int]:
        """Return a physical address, or the error code of a page fault."""
        table = thread.space if thread.slot(VSPACE).type else 0
        for shift in (39, 30, 21, 12):
            at = (table >> 3) + (virtual >> shift & 511)
            entry = self.ram.words[at] if table else 0
            if virtual >> 47 or not entry & Entry.PRESENT:
                return (USER | write,)
            if shift == 12 or entry & Entry.LARGE:
                if write and not entry & Entry.WRITE:
                    return (USER | write | 1,)
                within = (1 << shift) - 1
                return entry & ADDRESS & ~within | virtual & within
            table = entry & ADDRESS
        raise AssertionError(virtual)

    def _tick(self) -> None:
        """Let the timer interrupt."""
        self.now, self.timer = max(self.now, self.timer), 0
        self._trap(Reason.INTERRUPT, vector=irq.FIRST_VECTOR)

    def _trap(self, reason: Reason, *, vector: int = 0, error: int = 0, cr2: int = 0) -> None:
        """Enter the kernel, and do what it asks the stub to do."""
        system = self.system
        if reason is not Reason.SYSCALL and system.block.next:
            system.running.vector = vector
        self.now += 200
        system.trap(reason, now=self.now, vector=vector, error=error, cr2=cr2)
        block = system.block
        flags = Flag(block.flags)
        if flags & Flag.SET_TIMER:
            self.timer = self.now + -(-block.timer * TICKS_PER_SECOND // PIT_HZ)
        if flags & (Flag.SET_TS | Flag.CLEAR_TS):
            self.fpu_closed = bool(flags & Flag.SET_TS)
        for kind, width, port, value in system.ops:
            if kind is Op.OUT:
                self.ports[port] = value
            elif kind is Op.IN:
                self.ram.words[value >> 3] = self.ports.get(port, (1 << 8 * width) - 1)
        self.now += COST_UNIT * block.cost
