"""BOOT: from a boot record to a system that runs.

The first trap. It lays the root object behind the modules, covers what RAM is left
with untypeds, and makes a process of each program: from then on everything is an
object that was retyped from an untyped, and nobody has more than was given here.

What cannot be started is said in a PANIC response, whatever the modules contain.
"""

from __future__ import annotations

import struct

from vectoros.kernel import derivation, dispatch, gate, irq
from vectoros.kernel.abi import COST_PAGE, State
from vectoros.kernel.boot_info import COMMAND_LINE, MAGIC, MAX_NAMES, NAMES
from vectoros.kernel.boot_record import NAME_SIZE, BootRecord, Screen
from vectoros.kernel.gate import Flag, GateBlock
from vectoros.kernel.grants import Framebuffer, give
from vectoros.kernel.memory import Ram
from vectoros.kernel.objects import Type
from vectoros.kernel.process import Process, Program
from vectoros.kernel.process_layout import (
    INFO_PAGE,
    IPC_BUFFER,
    MAX_PROCESSES,
    SCREEN,
    STACK_TOP,
    Grant,
    Init,
)
from vectoros.kernel.root import MAGIC as ROOT_MAGIC
from vectoros.kernel.root import ROOT_SIZE, Root
from vectoros.kernel.scheduler import TIME_SLICE
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
    supply = _make_supply(root, record)
    supply.make(Type.AUDIT_LOG, root.audit.address, "the audit log")
    programs = _programs(ram, record)
    framebuffer = Framebuffer(supply, Screen.of(record))
    processes = []
    for program in programs:
        screen = bool(program.grants & Grant.SCREEN)
        extra = framebuffer.frames if screen else 0
        process = Process(ram, supply, program, request.cr3, extra)
        process.load()
        process.set_up_thread()
        give(root, process)
        if screen:
            framebuffer.give(process)
        processes.append(process)
    root.process_count = len(processes)
    for process in processes:
        process.new_page(INFO_PAGE, _info(root, record, process, programs))
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
    root.processor.space = request.cr3
    derivation.plant(ram, root.anchor)
    request.root = address
    return root


def _make_supply(root: Root, record: BootRecord) -> Supply:
    supply = Supply(root.ram, root)
    for start, end in free_ranges(record.memory, root.address + ROOT_SIZE, root.ram.size):
        supply.add(start, end)
    return supply


def _programs(ram: Ram, record: BootRecord) -> list[Program]:
    modules = [module for module in record.modules if module.kind == PROGRAM]
    if not modules:
        raise BootError("the image has no program to start")
    if len(modules) > MAX_PROCESSES:
        raise BootError(f"the image has {len(modules)} programs; {MAX_PROCESSES} can be started")
    if RECOVERY in record.command_line.split():
        modules = modules[:1]
    return [Program.check(ram, module, number) for number, module in enumerate(modules, 1)]


def _info(root: Root, record: BootRecord, process: Process, programs: list[Program]) -> bytes:
    """Return the boot info page of ``process`` (kernel/boot_info.py has the layout)."""
    program, screen = process.program, Screen.of(record)
    has_screen = program.grants & Grant.SCREEN and screen.size
    words = (
        int.from_bytes(MAGIC, "little"),
        program.number,
        len(programs),
        root.untyped_count,
        program.grants,
        TICKS_PER_SECOND,
        root.memory_total,
        IPC_BUFFER,
        STACK_TOP,
        *((SCREEN, *screen[1:]) if has_screen else (0,) * len(screen)),
        program.executable.entry,
    )
    page = bytearray(PAGE_SIZE)
    struct.pack_into(f"<{len(words)}Q", page, 0, *words)
    line = record.command_line
    page[COMMAND_LINE : COMMAND_LINE + len(line)] = line
    for index, other in enumerate(programs[:MAX_NAMES]):
        name = other.name.encode("ascii", "replace")[: NAME_SIZE - 1]
        start = NAMES + index * NAME_SIZE
        page[start : start + len(name)] = name
    return bytes(page)


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
    for number in range(root.untyped_count):
        target = first.slot(Init.UNTYPEDS + number)
        derivation.move(ram, root.untyped(number).address, target.address)


def _run(root: Root, request: GateBlock, processes: list[Process]) -> Trap:
    """Make the threads ready, and prepare the response."""
    request.current = 0
    trap = Trap(root.ram, request.address)
    processor = root.processor
    processor.accounted = request.now
    processor.fpu_closed = 1
    trap.flags = Flag.SET_TS
    irq.write_mask(trap)
    for process in processes:
        if not process.program.grants & Grant.SUSPENDED:
            process.tcb.state = State.RUNNING
            process.tcb.slice = TIME_SLICE
            processor.append(process.tcb.address)
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
