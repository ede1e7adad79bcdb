"""A machine for the kernel without a machine: RAM, a boot record, programs, and a gate block.

What the stubs and the processor would do is done here by writing frames.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from tests.kernel.plain_memory import PlainMemory
from vectoros.elf import Flags
from vectoros.elf_writer import Section, write
from vectoros.kernel import derivation, message
from vectoros.kernel.abi import COST_UNIT, Trap
from vectoros.kernel.boot_record import BOOT_RECORD, MAGIC, MEMORY, MODULES, BootRecord
from vectoros.kernel.frame import FRAME_SYSCALL
from vectoros.kernel.gate import OP_SIZE, OPS, PANIC_TEXT, GateBlock, Op, Operation, Reason
from vectoros.kernel.kernel import Kernel
from vectoros.kernel.memory import Ram
from vectoros.kernel.objects import FIXED_BITS, PAGE_BITS, RIGHTS, Type
from vectoros.kernel.process_layout import Grant, Init
from vectoros.kernel.root import Root
from vectoros.kernel.slot import SIZE as SLOT_SIZE
from vectoros.kernel.slot import Slot
from vectoros.kernel.tcb import CSPACE, Tcb
from vectoros.kernel.trap import Trap as KernelTrap
from vectoros.kernel.vspace import HALF, Entry
from vectoros.kernel_image import inspect

MIB = 1 << 20
SIZE = 16 * MIB
BLOCK = 0x10_0000
KERNEL_PML4 = 0x10_1000
MODULE_BASE = 0x20_0000
SCREEN_BASE = 0xE000_0000
STUB_TICKS = 300
"""What the way in and out takes, besides the kernel's own time."""

SCREEN_MODE = (SCREEN_BASE, 1024, 768, 4096, 32)

TEXT, RODATA, DATA = 0x40_0000, 0x40_2000, 0x40_4000
CONSOLE = Grant.CONSOLE | Grant.SCREEN | Grant.POWER | Grant.INSPECT


@dataclass(frozen=True)
class Spec:
    """A program of the boot record."""

    name: str = "shell"
    priority: int = 100
    grants: int = 0
    file: bytes = b""


def elf(text: bytes = b"\x0f\x05\xeb\xfe") -> bytes:
    """Return a program with code, constants, data and zeros."""
    sections = (
        Section("text", TEXT, text, Flags.READ | Flags.EXECUTE),
        Section("rodata", RODATA, b"constant", Flags.READ),
        Section("data", DATA, b"value".ljust(0x1800, b"\0"), Flags.READ | Flags.WRITE),
    )
    return write(sections, {"start": TEXT}, TEXT)


DEV = (
    Spec("shell", 100, CONSOLE),
    Spec("ticker", 120, Grant.CLOCK | Grant.SCREEN),
    Spec("victim", 100, Grant.SUSPENDED),
)
"""The programs of dev.img."""


class System:
    """A kernel over a memory of its own, and the hands that trap into it."""

    def __init__(self, data: bytearray) -> None:
        """Run on ``data``, which holds a boot record or a whole system."""
        self.data = data
        self.kernel = Kernel(PlainMemory(data))
        self.ram = Ram(PlainMemory(data))
        self.block = GateBlock(self.ram, BLOCK)

    def copy(self) -> System:
        """Return another kernel over a copy of the memory."""
        return System(bytearray(self.data))

    def trap(self, reason: Reason, *, now: int = 0, vector: int = 0, error: int = 0,
             cr2: int = 0) -> int:  # fmt: skip
        """Ring the doorbell; return the thread that runs next."""
        block = self.block
        block.reason, block.vector, block.error, block.cr2 = reason, vector, error, cr2
        block.now = now or block.now + block.cost * COST_UNIT + STUB_TICKS
        block.current = block.next if reason is not Reason.BOOT else 0
        self.kernel.trap(BLOCK)
        return block.next

    def inside(self) -> KernelTrap:
        """Return what a function of the kernel works with, in a trap of who runs now."""
        running = self.block.next
        made = KernelTrap(self.ram, BLOCK)
        made.caller = self.block.next = running
        return made

    @contextmanager
    def waking(self) -> Iterator[KernelTrap]:
        """The same for a function that may wake a thread, which is ready when the trap ends."""
        trap = self.inside()
        yield trap
        if trap.woken:
            trap.queue_woken(trap.now)

    def syscall(self, rax: int, rdi: int = 0, rsi: int = 0, words: Sequence[int] = (), *,
                r12: int = 0, now: int = 0) -> int:  # fmt: skip
        """Let the running thread make a system call; return the thread that runs next."""
        thread = self.running
        thread.rax, thread.rdi, thread.rsi, thread.r12 = rax, rdi, rsi, r12
        padded = (*words, 0, 0, 0, 0)
        thread.rdx, thread.r10, thread.r8, thread.r9 = padded[:4]
        thread.vector = FRAME_SYSCALL
        for index, word in enumerate(words[4:], 4):
            self.ram.words[(thread.buffer + message.IPC_MESSAGE >> 3) + index] = word
        return self.trap(Reason.SYSCALL, now=now)

    def call(self, slot: int, label: int, *words: int, caps: Sequence[int] = (),
             trap: int = Trap.CALL) -> tuple[int, ...]:  # fmt: skip
        """Invoke; return status and the message registers of the answer."""
        thread = self.running
        info = message.info(label, len(words)) | self.attach(thread, *caps)
        self.syscall(trap, slot, info, words)
        return (thread.rax, *self.words(thread))

    def words(self, thread: Tcb) -> tuple[int, ...]:
        """Return the message that ``thread`` has received."""
        length = message.length_of(thread.rsi)
        first = (thread.rdx, thread.r10, thread.r8, thread.r9)
        at = thread.buffer + message.IPC_MESSAGE >> 3
        return (*first, *self.ram.words[at + 4 : at + length])[:length]

    def attach(self, thread: Tcb, *addresses: int) -> int:
        """Put addresses of capabilities into the thread's IPC buffer, if it has one.

        Returns the bits of a message info that say how many they are.
        """
        at = thread.buffer + message.IPC_CAPABILITIES >> 3
        for index, address in enumerate(addresses if thread.buffer else ()):
            self.ram.words[at + index] = address
        return len(addresses) << message.EXTRA_SHIFT

    @property
    def running(self) -> Tcb:
        """The thread that runs."""
        assert self.block.next, "the system is idle"
        return Tcb(self.ram, self.block.next)

    @property
    def root(self) -> Root:
        """The root object."""
        return Root(self.ram, self.block.root)

    @property
    def ops(self) -> list[tuple[Op, int, int, int]]:
        """The operations of the response: kind, width, port, and value or address."""
        rows = [
            Operation(self.ram, BLOCK + OPS + index * OP_SIZE)
            for index in range(self.block.op_count)
        ]
        return [
            (Op(row.kind), row.width, row.port, row.value if row.kind == Op.OUT else row.target)
            for row in rows
        ]

    @property
    def panic(self) -> str:
        """The text of the PANIC response."""
        return bytes(self.data[BLOCK + PANIC_TEXT :][:512]).split(b"\0")[0].decode()

    def slot(self, thread: Tcb, number: int) -> Slot:
        """Return a slot of the thread's CNode."""
        return Slot(self.ram, thread.slot(CSPACE).object + number * SLOT_SIZE)

    def make(self, thread: Tcb, kind: Type, number: int) -> int:
        """Make an object, unless there is one, with its capability in a slot of the thread's."""
        slot, size = self.slot(thread, number), 1 << FIXED_BITS[kind]
        if not slot.type:
            free = next(piece for piece in inspect.tree(self.root) if self._fits(piece, size))
            source = Slot(self.ram, free.slot)
            source.badge = -(-source.badge // size) * size + size
            slot.fill(kind, source.object + source.badge - size, rights=RIGHTS.get(kind, 0))
            derivation.insert(self.ram, slot.address, source.address)
        assert slot.type == kind
        return slot.object

    def _fits(self, found: inspect.Capability, size: int) -> bool:
        free = (1 << found.bits) - found.badge
        device = Slot(self.ram, found.slot).device
        return found.type is Type.UNTYPED and not device and free >= 2 * size

    def processes(self, inspector: Tcb, count: int) -> list[Tcb]:
        """Return the threads that the inspector has capabilities to."""
        slots = (self.slot(inspector, Init.PROCESSES + index) for index in range(count))
        return [Tcb(self.ram, slot.object) for slot in slots]


def memory_of(programs: Sequence[Spec], *, size: int = SIZE, command_line: bytes = b"",
              screen: tuple[int, ...] = SCREEN_MODE) -> bytearray:  # fmt: skip
    """Return RAM with a boot record for ``programs``, as stage 2 leaves it."""
    data = bytearray(size)
    fill_kernel_half(data)
    end = MODULE_BASE
    for index, spec in enumerate(programs):
        file = spec.file or elf()
        name, row = spec.name.encode(), BOOT_RECORD + MODULES + index * 48
        struct.pack_into(
            "<16sQQHHH", data, row, name, end, len(file), 3, spec.priority, spec.grants
        )
        data[end : end + len(file)] = file
        end += -(-len(file) // 4096) * 4096
    ranges = ((0, 0x9_FC00, 1), (0x9_FC00, 0x400, 2), (MIB, size - MIB, 1))
    for index, (base, length, kind) in enumerate(ranges):
        struct.pack_into("<QQII", data, BOOT_RECORD + MEMORY + index * 24, base, length, kind, 1)
    record = BootRecord(Ram(PlainMemory(data)), BOOT_RECORD)
    record.magic = int.from_bytes(MAGIC, "little")
    record.memory_count, record.module_count = len(ranges), len(programs)
    record.kernel_end = end
    record.screen_base, record.screen_width, record.screen_height = screen[:3]
    record.screen_pitch, record.screen_bpp = screen[3:]
    data[BOOT_RECORD + 0x38 : BOOT_RECORD + 0x38 + len(command_line)] = command_line
    return data


def fill_kernel_half(data: bytearray) -> None:
    """Let the kernel's PML4 have 256 tables in its upper half, which nobody follows here."""
    half = (Entry.PRESENT | Entry.WRITE | table << PAGE_BITS for table in range(1, HALF + 1))
    struct.pack_into(f"<{HALF}Q", data, KERNEL_PML4 + HALF * 8, *half)


def boot(programs: Sequence[Spec] = DEV) -> System:
    """Return a system that has served BOOT, with 16 MiB of RAM."""
    return serve_boot(memory_of(programs))


def serve_boot(data: bytearray) -> System:
    """Return the system that the kernel makes of ``data`` when it serves BOOT."""
    system = System(data)
    system.block.record, system.block.cr3 = BOOT_RECORD, KERNEL_PML4
    system.trap(Reason.BOOT, now=1_000_000)
    return system


PAIR = (Spec("server", 100, Grant.INSPECT), Spec("client", 100))
FAR = 28
"""A slot where tests put a capability that a client has got."""


def pair() -> tuple[System, Tcb, Tcb]:
    """Return a system in which the server runs, and the client has its endpoint, badge 7."""
    system = boot(PAIR)
    server, client = system.processes(system.running, 2)
    share(system, server, Init.ENDPOINT, client, FAR, badge=7)
    return system, server, client


def share(system: System, owner: Tcb, number: int, other: Tcb, target: int, *, badge: int = 0,
          rights: int = 15) -> Slot:  # fmt: skip
    """Give ``other`` what ``owner`` has in a slot, as CNode.Mint will."""
    source = system.slot(owner, number)
    slot = derivation.derive(system.ram, source.address, system.slot(other, target).address)
    slot.badge, slot.rights = badge, rights & source.rights
    return slot
