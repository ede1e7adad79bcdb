"""BOOT: from a boot record to a system that runs.

The first trap. It lays the root object behind the modules, covers what RAM is left
with untypeds, and makes a process of each program: from then on everything is an
object that was retyped from an untyped, and nobody has more than was given here.

What cannot be started is said in a PANIC response, whatever the modules contain.
"""

from __future__ import annotations

import struct

from vectoros.kernel import asid, derivation, dispatch, gate, irq
from vectoros.kernel import process_layout as layout
from vectoros.kernel.abi import COST_PAGE, State
from vectoros.kernel.boot_info import COMMAND_LINE, MAGIC, MAX_NAMES, NAMES
from vectoros.kernel.boot_record import NAME_SIZE, BootRecord
from vectoros.kernel.gate import Flag, GateBlock
from vectoros.kernel.grants import Framebuffer, give
from vectoros.kernel.memory import Ram
from vectoros.kernel.objects import Type
from vectoros.kernel.process import Process, Program
from vectoros.kernel.process_layout import Grant, Init
from vectoros.kernel.root import CONTROL_TYPES, ROOT_SIZE, Root
from vectoros.kernel.root import MAGIC as ROOT_MAGIC
from vectoros.kernel.scheduler import NEVER
from vectoros.kernel.supply import BootError, Supply, free_ranges
from vectoros.kernel.trap import Trap
from vectoros.units import MIB, PAGE_SIZE, TICKS_PER_SECOND

PROGRAM = 3
"""Kind of a module that is a program (vectoros/image/format.py, ``Kind``)."""

RECOVERY = b"recovery"
"""Word of the command line: start the first program and no other."""

LOW_END = 1 * MIB
"""RAM below is the boot code's and the BIOS's."""


def boot(ram: Ram, block: int) -> None:
    """Serve the BOOT request in the gate block at ``block``."""
    request = GateBlock(ram, block)
    try:
        trap = _start(ram, request)
    except BootError as error:
        _panic(ram, block, str(error))
        return
    dispatch.finish(trap)


def _start(ram: Ram, request: GateBlock) -> Trap:
    record = BootRecord(ram, request.record)
    if not record.valid:
        raise BootError(f"there is no boot record at {request.record:#x}")
    root = _make_root(ram, record, request)
    supply = Supply(ram, root)
    for start, end in free_ranges(record.memory, root.address + ROOT_SIZE, ram.size):
        supply.add(start, end)
    supply.make(Type.AUDIT_LOG, root.audit.address, "the audit log")
    supply.make(Type.ASID_POOL, root.first_pool.address, "the address space identifiers")
    asid.enter(root, root.first_pool)
    programs = _programs(ram, record)
    framebuffer = Framebuffer(supply, record.screen)
    processes = []
    for program in programs:
        screen = bool(program.grants & Grant.SCREEN)
        extra = framebuffer.frames if screen else 0
        process = Process(root, supply, program, extra)
        process.load()
        process.set_up_thread()
        give(root, process)
        if screen:
            framebuffer.give(process)
        processes.append(process)
    root.process_count = len(processes)
    for process in processes:
        process.new_page(layout.INFO_PAGE, _info(root, record, process, programs))
    _supervise(root, processes)
    return _run(root, request, processes)


def _make_root(ram: Ram, record: BootRecord, request: GateBlock) -> Root:
    address = -(-record.kernel_end // PAGE_SIZE) * PAGE_SIZE
    if not LOW_END <= address <= ram.size - ROOT_SIZE:
        raise BootError(f"not enough memory: the kernel ends at {record.kernel_end:#x}")
    root = Root(ram, address)
    root.clear(ROOT_SIZE)
    root.magic = ROOT_MAGIC
    root.irq_mask = irq.MASK_AT_BOOT
    root.memory_total = ram.size
    root.kernel_space = root.processor.space = request.cr3
    root.next_id = 1
    derivation.plant(ram, root.anchor)
    for kind in CONTROL_TYPES:
        slot = root.control(kind)
        slot.type = kind
        derivation.insert(ram, slot.address, root.anchor)
    request.root = address
    return root


def _programs(ram: Ram, record: BootRecord) -> list[Program]:
    modules = [module for module in record.modules if module.kind == PROGRAM]
    if not modules:
        raise BootError("the image has no program to start")
    found, greatest = len(modules), layout.MAX_PROCESSES
    if found > greatest:
        raise BootError(f"the image has {found} programs; {greatest} can be started")
    if RECOVERY in record.command_line.split():
        modules = modules[:1]
    return [Program.check(ram, module, number) for number, module in enumerate(modules, 1)]


def _info(root: Root, record: BootRecord, process: Process, programs: list[Program]) -> bytes:
    """Return the boot info of ``process`` (kernel/boot_info.py has the layout)."""
    program, screen = process.program, record.screen
    has_screen = program.grants & Grant.SCREEN and screen.size
    words = (
        int.from_bytes(MAGIC, "little"),
        program.number,
        len(programs),
        root.untyped_count,
        program.grants,
        TICKS_PER_SECOND,
        root.memory_total,
        layout.IPC_BUFFER,
        layout.STACK_TOP,
        *((layout.SCREEN, *screen[1:]) if has_screen else (0,) * len(screen)),
        program.executable.entry,
    )
    head = struct.pack(f"<{len(words)}Q", *words).ljust(COMMAND_LINE, b"\0")
    line = record.command_line.ljust(NAMES - COMMAND_LINE, b"\0")
    names = (other.name.encode("ascii", "replace") for other in programs[:MAX_NAMES])
    return head + line + b"".join(name[: NAME_SIZE - 1].ljust(NAME_SIZE, b"\0") for name in names)


def _supervise(root: Root, processes: list[Process]) -> None:
    """Give who has INSPECT the TCBs; the first gets the others' faults and the untypeds, too."""
    ram = root.ram
    inspectors = [process for process in processes if process.program.grants & Grant.INSPECT]
    for inspector in inspectors:
        for index, process in enumerate(processes):
            target = inspector.slot(Init.PROCESSES + index)
            derivation.derive(ram, process.slot(Init.TCB).address, target.address)
    if not inspectors:
        return
    first = inspectors[0]
    for process in processes:
        if process is not first:
            process.set_handler(first.slot(Init.ENDPOINT))
    derivation.derive(ram, root.audit.address, first.slot(Init.AUDIT_LOG).address)
    for kind in CONTROL_TYPES:
        target = first.slot(Init[kind.name])
        derivation.move(ram, root.control(kind).address, target.address)
    derivation.move(ram, root.first_pool.address, first.slot(Init.ASID_POOL).address)
    for number in range(root.untyped_count):
        target = first.slot(Init.UNTYPEDS + number)
        derivation.move(ram, root.untyped(number).address, target.address)


def _run(root: Root, request: GateBlock, processes: list[Process]) -> Trap:
    """Make the threads ready, and prepare the response."""
    request.current = 0
    trap = Trap(root.ram, request.address)
    processor = root.processor
    processor.started, processor.domain_end = request.now, NEVER
    processor.fpu_closed = 1
    trap.flags = Flag.SET_TS
    irq.write_mask(trap)
    for process in processes:
        if not process.program.grants & Grant.SUSPENDED:
            process.tcb.state = State.RUNNING
            trap.wake(process.tcb.address)
        trap.cost += COST_PAGE * process.pages
    return trap


def _panic(ram: Ram, block: int, text: str) -> None:
    """Answer that the system cannot start, and why."""
    response = GateBlock(ram, block)
    response.next = response.next_cr3 = response.cost = response.op_count = 0
    response.fpu_save = response.fpu_load = 0
    response.flags = Flag.PANIC
    raw = text.encode("ascii", "replace")[: gate.PANIC_TEXT_SIZE - 1]
    start = block + gate.PANIC_TEXT
    ram.view[start : start + gate.PANIC_TEXT_SIZE] = raw.ljust(gate.PANIC_TEXT_SIZE, b"\0")
