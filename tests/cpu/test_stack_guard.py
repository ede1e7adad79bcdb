"""Ring 3's far calls and returns reach no more memory than its other instructions."""

from __future__ import annotations

import struct

import pytest

from tests.cpu.machines import (
    CODE,
    DATA,
    ENGINES,
    IDT,
    PRESENT,
    USER32,
    USER64,
    USER_STACK,
    Machine,
    U,
)
from vectoros.cpu.bits import Flag, Gpr, Seg
from vectoros.cpu.core import Stop
from vectoros.cpu.faults import Vector
from vectoros.cpu.repairs import repair

pytestmark = pytest.mark.skipif(repair() is not None, reason=f"the guard: {repair()}")
every_engine = pytest.mark.parametrize("engine", ENGINES)
MODES = ("protected32", "compatibility", "long")
every_mode = pytest.mark.parametrize("mode", MODES)
KERNEL_PAGE = IDT + 0x800
USER_WRITES, USER_READS = 7, 5  # error codes of a page fault

CALLS = {
    "protected32": ("9a {0} {1}", "66 9a {2} {1}"),
    "compatibility": ("9a {0} {1}", "66 9a {2} {1}"),
    "long": ("ff 1b", "48 ff 1b", "66 ff 1b"),  # to where [rbx] says
}
RETURNS = {
    "protected32": ("cb", "ca 08 00", "cf", "66 cb", "66 cf"),
    "compatibility": ("cb", "ca 08 00", "cf", "66 cb", "66 cf"),
    "long": ("cb", "48 cb", "ca 08 00", "cf", "48 cf", "66 cb"),
}


def start(engine: str, mode: str, code: str, stack: int) -> Machine:
    """Return a machine about to run ``code`` in ring 3, where IDT's page is the kernel's."""
    machine = Machine(engine)
    machine.boot(mode, ring=3, paging="legacy")
    machine.map(IDT, IDT, PRESENT & ~U)
    machine.memory.write(CODE, bytes.fromhex(code) + b"\x90\xf4")
    regs = machine.regs
    regs.gpr[Gpr.RSP], regs.gpr[Gpr.RBX] = stack, DATA
    selector = USER64 if mode == "long" else USER32
    target = struct.pack("<QH" if "48 ff" in code else "<IH", CODE + 0x100, selector)
    if code.startswith("66 ff"):
        target = struct.pack("<HH", CODE + 0x100 & 0xFFFF, selector)
    machine.memory.write(DATA, target)
    machine.cpu.registers_changed()
    return machine


def call(form: str) -> str:
    offset = struct.pack("<I", CODE + 0x100)
    return form.format(offset.hex(), struct.pack("<H", USER32).hex(), offset[:2].hex())


@every_engine
@pytest.mark.parametrize(("mode", "form"), [(mode, form) for mode in MODES for form in CALLS[mode]])
def test_a_far_call_does_not_write_the_kernels_memory(engine: str, mode: str, form: str) -> None:
    machine = start(engine, mode, call(form), KERNEL_PAGE)
    before = machine.memory.read(IDT, 0x1000)
    machine.run(1)
    fault = machine.cpu.faults()[0]
    assert (fault.vector, fault.error_code, fault.rip) == (Vector.PF, USER_WRITES, CODE)
    assert IDT <= fault.cr2 < KERNEL_PAGE
    assert fault.rsp == KERNEL_PAGE
    assert machine.memory.read(IDT, 0x1000) == before


@every_engine
@pytest.mark.parametrize(
    ("mode", "form"), [(mode, form) for mode in MODES for form in RETURNS[mode]]
)
def test_a_far_return_does_not_read_the_kernels_memory(engine: str, mode: str, form: str) -> None:
    machine = start(engine, mode, form, KERNEL_PAGE)
    machine.run(1)
    fault = machine.cpu.faults()[0]
    assert (fault.vector, fault.error_code, fault.rip) == (Vector.PF, USER_READS, CODE)
    assert fault.cr2 == KERNEL_PAGE


@every_engine
@every_mode
def test_far_calls_and_returns_work_on_a_stack_of_ones_own(engine: str, mode: str) -> None:
    for form in CALLS[mode][:2]:
        machine = start(engine, mode, call(form), USER_STACK)
        back = "48 cb" if form.startswith("48") else "66 cb" if form.startswith("66") else "cb"
        machine.memory.write(CODE + 0x100, bytes.fromhex(back))
        machine.memory.write(CODE + 0x100 & 0xFFFF, bytes.fromhex(back))
        machine.run()
        (fault,) = machine.cpu.faults()
        assert fault.vector == Vector.GP, "HLT, which comes behind it"
        assert fault.rsp == USER_STACK


@every_engine
@pytest.mark.parametrize("mode", ["protected32", "compatibility"])
def test_iretd_in_ring_3_does_not_enter_virtual_8086_mode(engine: str, mode: str) -> None:
    machine = start(engine, mode, "cf", USER_STACK - 64)
    flags = Flag.VM | Flag.IOPL | Flag.CF | Flag.ID | 2
    frame = [CODE + 0x200, USER32, int(flags), 0, 0, 0, 0, 0, 0]
    machine.memory.write(USER_STACK - 64, struct.pack("<9I", *frame))
    machine.memory.write(CODE + 0x200, b"\x90\xf4")
    machine.run(1)
    regs = machine.regs
    assert (regs.rip, regs.segs[Seg.CS].selector, regs.cpl) == (CODE + 0x200, USER32, 3)
    assert regs.rflags == Flag.CF | Flag.ID | 2


@every_engine
def test_iretd_in_ia_32e_mode_does_not_enter_virtual_8086_mode(engine: str) -> None:
    machine = Machine(engine)
    machine.boot("compatibility")
    machine.memory.write(CODE, b"\xcf")
    frame = [CODE + 0x200, machine.regs.segs[Seg.CS].selector, int(Flag.VM) | 2, 0, 0, 0, 0, 0, 0]
    machine.memory.write(USER_STACK, struct.pack("<9I", *frame))
    machine.regs.gpr[Gpr.RSP] = USER_STACK
    machine.cpu.registers_changed()
    machine.run(1)
    assert machine.regs.rip == CODE + 0x200
    assert machine.regs.rflags == 2


@every_engine
def test_iretd_in_ring_0_enters_virtual_8086_mode(engine: str) -> None:
    machine = Machine(engine)
    machine.boot("protected32")
    machine.memory.write(CODE, b"\xcf")
    frame = [0x10, CODE >> 4, int(Flag.VM | Flag.IOPL) | 2, 0x100, DATA >> 4, 1, 2, 3, 4]
    machine.memory.write(USER_STACK, struct.pack("<9I", *frame))
    machine.memory.write(CODE + 0x10, bytes.fromhex("9a 20 00") + struct.pack("<H", CODE >> 4))
    machine.memory.write(CODE + 0x20, b"\xcb")
    machine.regs.gpr[Gpr.RSP] = USER_STACK
    machine.cpu.registers_changed()
    regs = machine.regs
    machine.run(1)
    assert (regs.rip, regs.cpl, regs.gpr[Gpr.RSP]) == (0x10, 3, 0x100)
    machine.run(5)
    assert (regs.rip, regs.gpr[Gpr.RSP]) == (0x20, 0xFC)
    assert machine.run(1) is Stop.DEADLINE
    assert (regs.rip, regs.gpr[Gpr.RSP]) == (0x15, 0x100)


@every_engine
def test_virtual_8086_mode_does_not_reach_the_kernels_stack(engine: str) -> None:
    """CALL far and, with IOPL 3, IRET: the stack segment covers a page of the kernel's."""
    for code, error in (("9a 20 00 00 18", USER_WRITES), ("cf", USER_READS), ("cb", USER_READS)):
        machine = Machine(engine)
        machine.boot("protected32", paging="legacy")
        machine.map(IDT, IDT, PRESENT & ~U)
        machine.memory.write(CODE, b"\xcf")
        flags = int(Flag.VM | Flag.IOPL) | 2
        frame = [0x10, CODE >> 4, flags, KERNEL_PAGE - IDT, IDT >> 4, 1, 2, 3, 4]
        machine.memory.write(USER_STACK, struct.pack("<9I", *frame))
        machine.memory.write(CODE + 0x10, bytes.fromhex(code))
        machine.regs.gpr[Gpr.RSP] = USER_STACK
        machine.cpu.registers_changed()
        machine.run(2)
        fault = machine.cpu.faults()[0]
        assert (fault.vector, fault.error_code, fault.rip) == (Vector.PF, error, 0x10), code
