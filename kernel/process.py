"""A process as the kernel makes it at boot: an address space, a CNode, and a thread.

Everything is an object from the boot untypeds, and every object has a capability in
the process's own CNode: what it must not touch is elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

from vectoros.elf import ElfError, Executable, Flags, Segment, read
from vectoros.kernel import asid, derivation, vspace
from vectoros.kernel import process_layout as layout
from vectoros.kernel.boot_record import Module
from vectoros.kernel.memory import Ram
from vectoros.kernel.notification import Notification
from vectoros.kernel.objects import PAGE_BITS, SLOT_BITS, Type
from vectoros.kernel.process_layout import Grant, Init
from vectoros.kernel.root import Root
from vectoros.kernel.sched_context import MIN_REFILLS, SchedContext
from vectoros.kernel.scheduler import TIME_SLICE
from vectoros.kernel.slot import Slot
from vectoros.kernel.supply import BootError, Supply
from vectoros.kernel.tcb import BUFFER, CSPACE, HANDLER, VSPACE, Tcb
from vectoros.kernel.vspace import Entry
from vectoros.units import PAGE_SIZE

MIN_RADIX = 8
TABLES_AT_MOST = 64
"""Slots set aside for page tables: five regions with three tables each, and large programs."""

MAX_PRIORITY = 255


@dataclass(frozen=True, slots=True)
class Program:
    """A program that can be started: its module, found to be good."""

    number: int
    """Of the process that it becomes, from 1."""
    name: str
    """What the image calls it."""
    module: Module
    executable: Executable
    grants: Grant

    @classmethod
    def check(cls, ram: Ram, module: Module, number: int) -> Program:
        """Read the module; raise :class:`BootError` if nothing can be started from it."""
        name, start, size = module.name, module.start, module.size_
        if start > ram.size or size > ram.size - start:
            raise BootError(f"program {name}: its module is not in RAM")
        if module.priority > MAX_PRIORITY:
            raise BootError(f"program {name}: priority {module.priority} is above {MAX_PRIORITY}")
        try:
            file = ram.view[start : start + size]
            executable = read(file, first=layout.USER_FIRST, limit=layout.SCREEN)
        except ElfError as error:
            raise BootError(f"program {name}: {error.rule}") from error
        return cls(number, name, module, executable, Grant(module.grants & 0x3F))


class Process:
    """A process under construction."""

    def __init__(self, root: Root, supply: Supply, program: Program, extra: int) -> None:
        """Make its objects, with ``extra`` slots to spare; its memory is still empty."""
        self.ram = ram = root.ram
        self.program = program
        self._supply = supply
        self._next = int(Init.MEMORY)
        pages = sum(len(segment.pages) for segment in program.executable.segments)
        pages += layout.STACK_SIZE // PAGE_SIZE + TABLES_AT_MOST + extra
        radix = max(MIN_RADIX, (Init.MEMORY + pages - 1).bit_length())
        self.cnode = supply.make_cnode(radix, Init.CNODE, f"the CNode of program {program.name}")
        asid.assign(ram, root.first_pool, self._make(Type.PML4))
        # In this order they share a page, so that a message touches few of them.
        self.tcb = Tcb(ram, self._make(Type.TCB).object)
        self.context = SchedContext(ram, self._make(Type.SCHED_CONTEXT).object)
        self._make(Type.REPLY)
        self.notification = self._make(Type.NOTIFICATION).object
        if program.grants & Grant.INSPECT:
            self._make(Type.ENDPOINT)

    def slot(self, number: int) -> Slot:
        """Return slot ``number`` of its CNode."""
        return Slot(self.ram, self.cnode + (number << SLOT_BITS))

    def free_slot(self) -> Slot:
        """Return the next slot for its own memory."""
        self._next += 1
        return self.slot(self._next - 1)

    @property
    def pages(self) -> int:
        """Frames and page tables of its own so far."""
        return self._next - Init.MEMORY

    def load(self) -> None:
        """Map the program's segments, a stack and an IPC buffer."""
        for segment in self.program.executable.segments:
            for page in segment.pages:
                self._load_page(segment, page)
        for page in range(layout.STACK_TOP - layout.STACK_SIZE, layout.STACK_TOP, PAGE_SIZE):
            self.map(self._frame(self.free_slot()), page, vspace.READ_WRITE)
        buffer = self._frame(self.slot(Init.IPC_BUFFER))
        self.map(buffer, layout.IPC_BUFFER, vspace.READ_WRITE)

    def map(self, frame: Slot, address: int, access: Entry) -> None:
        """Map ``frame`` at ``address``."""
        vspace.map_frame(self.ram, self.slot(Init.PML4), frame, address, access, self._table)

    def new_page(self, address: int, data: bytes) -> None:
        """Map a read-only page with ``data`` at ``address``."""
        frame = self._frame(self.free_slot())
        self.ram.write(frame.object, data)
        self.map(frame, address, vspace.READ_ONLY)

    def set_up_thread(self) -> None:
        """Give the thread what it runs with, and the registers that it starts with."""
        tcb, program = self.tcb, self.program
        own = ((CSPACE, Init.CNODE), (VSPACE, Init.PML4), (BUFFER, Init.IPC_BUFFER))
        for offset, number in own:
            derivation.derive(self.ram, self.slot(number).address, tcb.address + offset)
        tcb.set_name(program.name)
        tcb.process = program.number
        tcb.priority = tcb.max_priority = program.module.priority
        tcb.bound = self.notification
        Notification(self.ram, self.notification).bound = tcb.address
        self.context.configure(TIME_SLICE, TIME_SLICE, MIN_REFILLS, 0)
        tcb.sched_context, self.context.tcb = self.context.address, tcb.address
        tcb.rip, tcb.rsp = program.executable.entry, layout.STACK_TOP
        tcb.rdi = layout.INFO_PAGE

    def set_handler(self, endpoint: Slot) -> None:
        """Let the thread's faults go to ``endpoint``, badged with the process's number."""
        handler = derivation.derive(self.ram, endpoint.address, self.tcb.address + HANDLER)
        handler.badge = self.program.number

    def _load_page(self, segment: Segment, page: int) -> None:
        start = max(page, segment.address)
        end = min(page + PAGE_SIZE, segment.address + segment.file_size)
        frame = self._frame(self.free_slot())
        if start < end:
            source = self.program.module.start + segment.offset - segment.address
            data = bytes(self.ram.view[source + start : source + end])
            self.ram.write(frame.object + start - page, data)
        self.map(frame, page, _ACCESS[segment.flags & (Flags.WRITE | Flags.EXECUTE)])

    def _frame(self, slot: Slot) -> Slot:
        return self._make(Type.FRAME, slot, "memory", PAGE_BITS)

    def _table(self, kind: Type) -> Slot:
        return self._make(kind, self.free_slot(), "page tables")

    def _make(self, kind: Type, slot: Slot | None = None, what: str = "", bits: int = 0) -> Slot:
        """Make an object, with its capability in ``slot``, or in that of its type."""
        slot = slot or self.slot(Init[kind.name])
        whose = f"the {what or kind.name} of program {self.program.name}"
        self._supply.make(kind, slot.address, whose, bits=bits)
        return slot


_ACCESS = {
    Flags(0): vspace.READ_ONLY,
    Flags.WRITE: vspace.READ_WRITE,
    Flags.EXECUTE: vspace.EXECUTABLE,
}
"""A segment's flags as page access. The reader of the file has refused both at once."""
