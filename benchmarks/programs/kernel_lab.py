"""A machine under the kernel, with as many processes as a question needs.

Processes are made by the kernel's own code, while the machine stands still between two
traps; what they do is one of the loops of ``kernel.S``. A snapshot of the
populated machine is gone back to before each measurement.
"""

from __future__ import annotations

import struct
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from vectoros.api import Machine
from vectoros.boot.native import KernelMemory
from vectoros.image.builder import build
from vectoros.image.constants import constants
from vectoros.image.manifest import load
from vectoros.image.pieces import assemble
from vectoros.kernel import asid, derivation, message, vspace, waiting
from vectoros.kernel.abi import State, Trap
from vectoros.kernel.boot_record import BOOT_RECORD, BootRecord
from vectoros.kernel.gate import GateBlock
from vectoros.kernel.invocation import RAX, RSI
from vectoros.kernel.kernel import Kernel
from vectoros.kernel.memory import Ram
from vectoros.kernel.objects import Type
from vectoros.kernel.process import Process, Program
from vectoros.kernel.process_layout import IPC_BUFFER, Init
from vectoros.kernel.root import Root
from vectoros.kernel.sched_context import SchedContext
from vectoros.kernel.slot import SIZE, Slot
from vectoros.kernel.supply import Supply
from vectoros.kernel.tcb import CSPACE, VSPACE, Tcb
from vectoros.units import PAGE_SIZE

_ROOT = Path(__file__).parents[2]
_PROGRAMS = Path(__file__).parent
LOOPS = ("idle", "yielder", "client", "server", "signaller", "script", "publisher")
"""Of kernel.S, in order."""

LOOP_SIZE = 256
VIRTUAL = 0x44_0000
ENDPOINT, OTHER = 28, 29
"""Slots that the loops use."""

FREE = 200
"""First of the slots that no process uses for itself."""

SECOND_STACK, SCRIPT = 0x4000, 0xF000
"""How far below the top of a process's stack that of a second thread is, and a script."""

PRIORITY = 100
MEMORY = "256M"
_POOL_FULL = 500


class Step(NamedTuple):
    """A Call of a script."""

    slot: int
    label: int
    words: tuple[int, ...]
    """Six at most."""
    capabilities: int
    """How many; the thread's IPC buffer has their addresses (:meth:`Lab.buffer`)."""

    @property
    def row(self) -> bytes:
        """The step as the loop reads it."""
        info = message.info(self.label, len(self.words))
        info |= self.capabilities << message.EXTRA_SHIFT
        return struct.pack("<8Q", self.slot, info, *(*self.words, *(0,) * 6)[:6])


class _Supply(Supply):
    """What the root task has left."""

    def adopt(self, slots: list[Slot]) -> None:
        """Take memory from the untypeds in ``slots``."""
        self._untypeds = [slot for slot in slots if slot.type and not slot.device]


class Lab:
    """A machine with ``count`` processes that wait, besides those that are measured."""

    def __init__(self, engine: str, count: int) -> None:
        """Boot, and make the processes."""
        with tempfile.TemporaryDirectory() as folder:
            image = Path(folder, "kernel.img")
            manifest = _manifest(Path(folder))
            image.write_bytes(build(manifest))
            self._symbols = _symbols(manifest)
            self.machine = Machine.from_image(image, engine=engine, memory=MEMORY)
        self.machine.run(until=r"ring 3", for_="2s")
        self.machine.run(for_="100us")
        memory = KernelMemory(self.machine.memory)
        self.ram = Ram(memory)
        self.kernel = Kernel(memory)
        self.block = self.machine.pc.gate.block
        self.machine.pc.gate.connect(self.kernel.trap)
        self.root = Root(self.ram, GateBlock(self.ram, self.block).root)
        self.idle = Tcb(self.ram, self.root.processor.current)
        record = BootRecord(self.ram, BOOT_RECORD)
        self.program = Program.check(self.ram, next(iter(record.modules)), 1)
        self._supply = _Supply(self.ram, self.root)
        own = [self.slot(self.idle, Init.UNTYPEDS + n) for n in range(self.root.untyped_count)]
        self._supply.adopt(own)
        self._pool, self._assigned = self.slot(self.idle, Init.ASID_POOL), 0
        self.bell = self.slot(self.idle, Init.NOTIFICATION).object
        self._processes: dict[int, Process] = {}
        self.others = [self._waiting() for _ in range(count)]
        self._saved = self.machine.snapshot()

    def close(self) -> None:
        """Let the machine go."""
        self.machine.close()

    def fresh(self) -> None:
        """Go back to when only the others were there."""
        self.machine.restore(self._saved)
        self.machine.pc.gate.connect(self.kernel.trap)

    def slot(self, thread: Tcb, number: int) -> Slot:
        """Return a slot of the thread's CNode."""
        return Slot(self.ram, thread.slot(CSPACE).object + number * SIZE)

    def make(self, thread: Tcb, number: int, kind: Type, bits: int = 0) -> Slot:
        """Make an object with its capability in a slot of the thread's CNode."""
        slot = self.slot(thread, number)
        self._supply.make(kind, slot.address, f"a {kind.name}", bits=bits)
        return slot

    def map(self, thread: Tcb, frame: Slot, address: int) -> None:
        """Map a frame or a channel, with the tables that it needs."""
        self._processes[thread.address].map(frame, address, vspace.READ_WRITE)

    def share(self, source: Slot, thread: Tcb, number: int) -> Slot:
        """Derive a capability into a slot of the thread's CNode."""
        return derivation.derive(self.ram, source.address, self.slot(thread, number).address)

    def process(self, loop: str, *, passive: bool = False, **registers: int) -> Tcb:
        """Make a process that will run ``loop`` when it is started."""
        if self._assigned == _POOL_FULL:
            self._next_pool()
        self._assigned += 1
        self.root.first_pool.copy_from(self._pool)
        made = Process(self.root, self._supply, self.program, FREE)
        self.root.first_pool.clear(SIZE)
        made.load()
        made.set_up_thread()
        self._processes[made.tcb.address] = made
        return self._prepare(made.tcb, loop, passive, registers)

    def thread(self, beside: Tcb, loop: str, *, passive: bool = False, **registers: int) -> Tcb:
        """Make a thread in the process of ``beside``: its CNode and address space."""
        place = self.slot(beside, FREE).address
        tcb = Tcb(self.ram, self._supply.make(Type.TCB, place, "a thread"))
        context = self._supply.make(Type.SCHED_CONTEXT, place + SIZE, "its time")
        data = bytes(self.ram.view[beside.address : beside.address + CSPACE])
        self.ram.view[tcb.address : tcb.address + CSPACE] = data
        for offset in (CSPACE, VSPACE):
            derivation.derive(self.ram, beside.address + offset, tcb.address + offset)
        tcb.bound = tcb.reply = 0
        tcb.sched_context = context
        view = SchedContext(self.ram, context)
        own = SchedContext(self.ram, beside.sched_context)
        view.configure(own.budget, own.period, own.refill_max, 0)
        view.tcb = tcb.address
        tcb.rsp = beside.rsp - SECOND_STACK
        return self._prepare(tcb, loop, passive, registers)

    def _prepare(self, tcb: Tcb, loop: str, passive: bool, registers: dict[str, int]) -> Tcb:
        tcb.priority = tcb.max_priority = PRIORITY + passive
        tcb.rip = VIRTUAL + LOOP_SIZE * LOOPS.index(loop)
        for name, value in registers.items():
            setattr(tcb, name, value)
        return tcb

    def start(self, thread: Tcb) -> None:
        """Let it run from the next trap on, and the idle thread no more."""
        self._wake(thread)
        self.root.processor.remove(self.idle.address)
        self.idle.state = State.INACTIVE

    def _wake(self, thread: Tcb) -> None:
        thread.state = State.RUNNING
        self.root.processor.wake(thread.address, self.machine.clock.now)

    def settle(self, server: Tcb) -> None:
        """Let ``server`` run until it waits, and take its time away: it is passive then."""
        self._wake(server)
        self.machine.run(for_="200us")
        SchedContext(self.ram, server.sched_context).tcb = 0
        server.sched_context = 0

    def passes(self, thread: Tcb) -> int:
        """How often the thread has been through its loop."""
        return self._counter(thread, "passes")

    def failures(self, thread: Tcb) -> int:
        """The statuses of all Calls of its script, taken together; 0: none was refused."""
        return self._counter(thread, "failures")

    def _counter(self, thread: Tcb, name: str) -> int:
        return self.ram.words[self._physical(thread, self._symbols[name]) >> 3]

    def _physical(self, thread: Tcb, address: int) -> int:
        """Return where in RAM is what the thread has at ``address``, in a page of 4 KiB."""
        found = vspace.walk(self.ram, thread.space, address)
        if found is None:
            raise ValueError(f"{thread.name} has nothing at {address:#x}")
        return found[0] & vspace.ADDRESS | address % PAGE_SIZE

    def buffer(self, thread: Tcb, *capabilities: int) -> None:
        """Put the addresses of capabilities into the thread's IPC buffer."""
        at = thread.buffer + message.IPC_CAPABILITIES >> 3
        for index, address in enumerate(capabilities):
            self.ram.words[at + index] = address

    def script(self, thread: Tcb, steps: Sequence[Step]) -> None:
        """Let ``thread``, at the loop ``script``, make Calls."""
        rows = b"".join(step.row for step in steps)
        thread.rbx, thread.rcx = thread.rsp - SCRIPT, len(steps)
        for offset in range(0, len(rows), PAGE_SIZE):
            physical = self._physical(thread, thread.rbx + offset)
            self.ram.write(physical, rows[offset : offset + PAGE_SIZE])
        thread.rbp = IPC_BUFFER

    def _next_pool(self) -> None:
        place = self.slot(self.idle, FREE - 1)
        self._supply.make(Type.ASID_POOL, place.address, "identifiers")
        asid.enter(self.root, place)
        derivation.move(self.ram, place.address, self.slot(self.idle, FREE - 2).address)
        self._pool, self._assigned = self.slot(self.idle, FREE - 2), 0

    def _waiting(self) -> Tcb:
        tcb = self.process("yielder")
        waiting.block(self.ram.words, tcb.address, self.bell, State.BLOCKED_ON_NOTIFICATION)
        return tcb


class Stopwatch:
    """The kernel, with the time that each trap of a kind took in it."""

    def __init__(self, lab: Lab) -> None:
        """Stand between the gate and the kernel of ``lab``."""
        self.times: dict[int, list[int]] = defaultdict(list)
        self._words, self._block = lab.ram.words, lab.block
        self._trap: Callable[[int], None] = lab.kernel.trap
        self._current = GateBlock.indices("current")[0] + (lab.block >> 3)
        lab.machine.pc.gate.connect(self._timed)

    def _timed(self, block: int) -> None:
        at = self._words[self._current] >> 3
        call = at and self._words[at + RAX] == Trap.CALL
        label = self._words[at + RSI] >> message.LABEL_SHIFT if call else -1
        start = time.perf_counter_ns()  # reading the thread's own time would be a system call
        self._trap(block)
        self.times[label].append(time.perf_counter_ns() - start)


def _manifest(folder: Path) -> Path:
    text = (_ROOT / "images" / "dev.toml").read_text(encoding="utf-8")
    kernel = text.partition('[[program]]\nname = "shell"')[0]
    programs = f"{_ROOT}/images/programs/"
    kernel = kernel.replace('"../', f'"{_ROOT}/').replace('"programs/', f'"{programs}')
    path = folder / "kernel.toml"
    path.write_text(
        f'{kernel}[[program]]\nname = "bench"\nvirtual = {VIRTUAL:#x}\npriority = 1\n'
        f'grants = ["inspect"]\nsources = ["{_PROGRAMS}/kernel.S", "{programs}channel.S"]\n'
        'sections = { text = "rx", data = "rw" }\n',
        encoding="utf-8",
    )
    return path


def _symbols(manifest: Path) -> Mapping[str, int]:
    """Return the labels of the loops, and of where they count."""
    plan = load(manifest)
    bench = next(program for program in plan.programs if program.name == "bench")
    return assemble(plan, bench, constants(plan)).symbols
