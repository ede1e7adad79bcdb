"""Delivery, rule by rule: the frame, the new state, and each fault with its error code.

``test_delivery_twin.py`` says that this is what Unicorn does; this file says what
it is, from the SDM, in states that a reader can check.
"""

from __future__ import annotations

import struct

import pytest

from vectoros.cpu.bits import (
    CR0_PE,
    CR0_PG,
    CR0_TS,
    CR4_PAE,
    EFER_LMA,
    EFER_LME,
    Flag,
    Gpr,
    Seg,
)
from vectoros.cpu.delivery import Event, EventKind, Outcome, deliver
from vectoros.cpu.descriptors import Descriptor, Gate, SystemType
from vectoros.cpu.faults import EXT_BIT, Vector
from vectoros.cpu.registers import Registers
from vectoros.memory import Memory

IDT, GDT, TSS, TASK, TABLES = 0x1000, 0x3000, 0x4000, 0x5000, 0x10000
HANDLER, KERNEL_STACK, USER_STACK, IST_STACK = 0x7000, 0x9000, 0xA000, 0xB000
KERNEL_CODE, KERNEL_DATA, USER_CODE, USER_DATA, TSS_SELECTOR = 0x08, 0x10, 0x1B, 0x23, 0x28
ABSENT, CONFORMING, TASK_SELECTOR = 0x30, 0x38, 0x40
CODE, DATA, CODE64 = 0xC09B00, 0xC09300, 0xA09B00
USER, PRESENT = 3 << 13, 0x8000
SYSCALL_VECTOR = 0x80
FAULT, TRAP, SOFTWARE, EXTERNAL = EventKind


class Machine:
    """A flat ring-3 program, a ring-0 kernel with one handler for everything."""

    def __init__(self, mode: str) -> None:
        self.mode = mode
        self.long = mode == "long"
        self.memory = Memory(1 << 20)
        self.regs = regs = Registers()
        regs._a20_mask, regs._cc_op, regs._df = -1, 1, 1
        regs.cr0 = CR0_PE
        if self.long:
            regs.cr0 |= CR0_PG
            regs.cr3, regs.cr4, regs.efer = TABLES, CR4_PAE, EFER_LME | EFER_LMA
            self._map()
        code = CODE64 if self.long else CODE
        table = [0, code, DATA, code | USER, DATA | USER]
        for number, attributes in enumerate(table):
            self.descriptor(number * 8, attributes)
        self.descriptor(ABSENT, code & ~PRESENT)
        self.descriptor(CONFORMING, code | 0x400)
        regs.gdtr.load(0, GDT, 0x4F, 0)
        regs.idtr.load(0, IDT, 256 * self.gate_size - 1, 0)
        regs.tr.load(TSS_SELECTOR, TSS, 0x67, 0x8900)
        self.put(TSS + 4, "<QQ" if self.long else "<II", KERNEL_STACK, KERNEL_DATA)
        self.put(TSS + 0x24, "<Q", IST_STACK)
        for vector in range(256):
            self.gate(vector)
        self.gate(SYSCALL_VECTOR, dpl=3)
        self.ring(3)
        regs.rip = 0x6000
        regs.rflags = Flag.IF | Flag.CF | Flag.NT | Flag.TF

    @property
    def gate_size(self) -> int:
        return 16 if self.long else 8

    def _map(self) -> None:
        for level in range(3):
            self.put(TABLES + level * 0x1000, "<Q", TABLES + (level + 1) * 0x1000 | 7)
        for page in range(16):
            self.put(TABLES + 0x3000 + page * 8, "<Q", page << 12 | 7)

    def put(self, address: int, form: str, *values: int) -> None:
        self.memory.write(address, struct.pack(form, *values))

    def descriptor(self, selector: int, attributes: int) -> None:
        data = Descriptor(0, 0xFFFF_FFFF, attributes).encode()
        self.memory.write(GDT + (selector & ~7), data)

    def gate(
        self,
        vector: int,
        kind: int = SystemType.INTERRUPT_GATE,
        *,
        selector: int = KERNEL_CODE,
        dpl: int = 0,
        present: bool = True,
        ist: int = 0,
    ) -> None:
        gate = Gate(selector, HANDLER + vector, kind, dpl, present, ist)
        self.memory.write(IDT + vector * self.gate_size, gate.encode(self.gate_size))

    def unmap(self, address: int) -> None:
        self.put(TABLES + 0x3000 + (address >> 12) * 8, "<Q", 0)

    def ring(self, level: int) -> None:
        regs = self.regs
        code, data = (USER_CODE, USER_DATA) if level else (KERNEL_CODE, KERNEL_DATA)
        attributes = (CODE64 if self.long else CODE) | level << 13
        regs.segs[Seg.CS].load(code, 0, 0xFFFF_FFFF, attributes)
        for seg in (Seg.SS, Seg.DS, Seg.ES, Seg.FS, Seg.GS):
            regs.segs[seg].load(data, 0, 0xFFFF_FFFF, DATA | level << 13)
        regs.gpr[Gpr.RSP] = USER_STACK - 4
        regs.update_hidden()

    def deliver(self, event: Event) -> list[tuple[int, int | None]]:
        """Deliver ``event``; return vector and error code of each attempt."""
        attempts: list[Event] = []
        self.outcome = deliver(self.regs, self.memory, event, attempts.append)
        return [(attempt.vector, attempt.error_code) for attempt in attempts]

    def frame(self, count: int, size: int = 0) -> list[int]:
        """Return ``count`` values from the top of the stack."""
        size = size or (8 if self.long else 4)
        stack = self.regs.segs[Seg.SS].base + self.regs.gpr[Gpr.RSP]
        data = self.memory.read(stack, count * size)
        return [int.from_bytes(data[at : at + size], "little") for at in range(0, len(data), size)]


BOTH = pytest.mark.parametrize("mode", ["protected", "long"])
IN_USER = Flag.IF | Flag.CF | Flag.NT | Flag.TF | 2


@BOTH
def test_a_fault_in_ring_3_pushes_its_error_code_on_the_kernel_stack(mode: str) -> None:
    machine = Machine(mode)
    regs = machine.regs
    assert machine.deliver(Event(Vector.GP, error_code=0x18)) == [(13, 0x18)]
    assert machine.outcome is Outcome.DELIVERED
    pushed = [0x18, 0x6000, USER_CODE, IN_USER | Flag.RF, USER_STACK - 4, USER_DATA]
    assert machine.frame(6) == pushed
    assert regs.rip == HANDLER + 13
    assert (regs.segs[Seg.CS].selector, regs.cpl) == (KERNEL_CODE, 0)
    assert regs.segs[Seg.SS].selector == (0 if machine.long else KERNEL_DATA)
    assert regs.rflags == Flag.CF | 2


@BOTH
def test_a_software_interrupt_pushes_the_next_instruction_and_no_rf(mode: str) -> None:
    machine = Machine(mode)
    machine.deliver(Event(SYSCALL_VECTOR, SOFTWARE, next_rip=0x6002))
    assert machine.frame(3) == [0x6002, USER_CODE, IN_USER]


@pytest.mark.parametrize(("kind", "vector"), [(TRAP, Vector.DB), (EXTERNAL, 0x20)])
@BOTH
def test_neither_a_debug_trap_nor_an_interrupt_pushes_rf(
    mode: str, kind: EventKind, vector: int
) -> None:
    machine = Machine(mode)
    machine.deliver(Event(vector, kind))
    assert machine.frame(3) == [0x6000, USER_CODE, IN_USER]


@BOTH
def test_an_interrupt_of_the_kernel_stays_on_its_stack(mode: str) -> None:
    machine = Machine(mode)
    machine.ring(0)
    stack = machine.regs.gpr[Gpr.RSP]
    machine.deliver(Event(0x20, EXTERNAL))
    size = 40 if machine.long else 12
    assert machine.regs.gpr[Gpr.RSP] == (stack & ~15 if machine.long else stack) - size
    if machine.long:
        assert machine.frame(5)[3:] == [stack, KERNEL_DATA]


@BOTH
def test_a_trap_gate_keeps_interrupts_as_they_are(mode: str) -> None:
    machine = Machine(mode)
    machine.gate(3, SystemType.TRAP_GATE, dpl=3)
    machine.deliver(Event(3, SOFTWARE, next_rip=0x6001))
    assert machine.regs.rflags == Flag.IF | Flag.CF | 2


@BOTH
def test_a_conforming_handler_runs_at_the_privilege_of_the_program(mode: str) -> None:
    machine = Machine(mode)
    machine.gate(0x20, selector=CONFORMING)
    machine.deliver(Event(0x20, EXTERNAL))
    assert machine.regs.cpl == 3
    assert machine.regs.segs[Seg.CS].selector == CONFORMING | 3
    assert machine.regs.gpr[Gpr.RSP] < USER_STACK


def test_an_ist_stack_is_taken_even_without_a_change_of_privilege() -> None:
    machine = Machine("long")
    machine.ring(0)
    machine.gate(2, ist=1)
    machine.deliver(Event(Vector.NMI, EXTERNAL))
    assert machine.regs.gpr[Gpr.RSP] == IST_STACK - 40
    assert machine.regs.segs[Seg.SS].selector == 0


def test_a_16_bit_gate_pushes_words() -> None:
    machine = Machine("protected")
    machine.gate(0x20, SystemType.INTERRUPT_GATE16)
    machine.deliver(Event(0x20, EXTERNAL))
    expected = [0x6000, USER_CODE, IN_USER & 0xFFFF, USER_STACK - 4, USER_DATA]
    assert machine.frame(5, size=2) == expected
    assert not machine.regs.rflags & Flag.IF


def test_from_virtual_8086_mode_the_data_segments_are_pushed_and_cleared() -> None:
    machine = Machine("protected")
    regs = machine.regs
    for number, seg in enumerate(Seg):
        regs.segs[seg].load(0x100 + number, 0x1000, 0xFFFF, 0xF300)
    regs.rflags = Flag.VM | Flag.IF
    regs.update_hidden()
    machine.deliver(Event(Vector.GP, error_code=0))
    assert regs.mode == "32-bit protected"
    flags = Flag.VM | Flag.IF | Flag.RF | 2
    assert machine.frame(10) == [
        *(0, 0x6000, 0x101, flags, USER_STACK - 4, 0x102),
        *(0x100, 0x103, 0x104, 0x105),
    ]
    assert all(regs.segs[seg].selector == 0 for seg in (Seg.ES, Seg.DS, Seg.FS, Seg.GS))


def test_in_real_mode_the_vector_table_leads_to_the_handler() -> None:
    machine = Machine("protected")
    regs = machine.regs
    regs.cr0 = 0
    regs.idtr.load(0, 0, 0x3FF, 0)
    regs.segs[Seg.CS].load(0x60, 0x600, 0xFFFF, 0x9B00)
    regs.segs[Seg.SS].load(0x900, 0x9000, 0xFFFF, 0x9300)
    regs.update_hidden()
    regs.gpr[Gpr.RSP] = 0xABCD_0000
    regs.rflags = Flag.IF | Flag.NT | Flag.AC
    machine.put(0x10 * 4, "<HH", 0x1234, 0x5678)
    machine.deliver(Event(0x10, SOFTWARE, next_rip=0x6002))
    assert (regs.rip, regs.segs[Seg.CS].selector, regs.segs[Seg.CS].base) == (
        *(0x1234, 0x5678),
        0x56780,
    )
    assert regs.gpr[Gpr.RSP] == 0xABCD_FFFA
    assert machine.memory.read(0x9000 + 0xFFFA, 6) == struct.pack(
        "<HHH", 0x6002, 0x60, Flag.IF | Flag.NT | 2
    )
    assert regs.rflags == Flag.NT | 2


def test_a_task_gate_switches_tasks_and_nests() -> None:
    machine = Machine("protected")
    regs = machine.regs
    machine.memory.write(GDT + TASK_SELECTOR, Descriptor(TASK, 0x67, 0x8900).encode())
    state = (0, 0x7777, Flag.IF, *range(1, 9), *(KERNEL_DATA, KERNEL_CODE), *[KERNEL_DATA] * 4, 0)
    machine.put(TASK + 0x1C, "<18I", *state)
    machine.put(TASK + 0x38, "<I", KERNEL_STACK)
    machine.gate(Vector.DF, SystemType.TASK_GATE, selector=TASK_SELECTOR)
    machine.deliver(Event(Vector.DF, error_code=0))
    assert (regs.rip, regs.tr.selector, regs.cpl) == (0x7777, TASK_SELECTOR, 0)
    assert regs.rflags == Flag.IF | Flag.NT | 2
    assert regs.cr0 & CR0_TS
    assert machine.frame(1) == [0]
    assert machine.memory.read(TASK, 2) == struct.pack("<H", TSS_SELECTOR)
    assert machine.memory.read(TSS + 0x20, 4) == struct.pack("<I", 0x6000)
    busy = Descriptor.decode(machine.memory.read(GDT + TASK_SELECTOR, 8))
    assert busy.type == SystemType.TSS_BUSY


def idt_error(vector: int) -> int:
    """The error code of a fault at an IDT entry, met on behalf of an INT n."""
    return vector * 8 | 2


@BOTH
def test_each_fault_of_the_gate_names_the_idt_entry(mode: str) -> None:
    for change, vector in (
        ({"present": False}, Vector.NP),
        ({"kind": SystemType.CALL_GATE}, Vector.GP),
        ({"kind": 0x1E}, Vector.GP),
    ):
        machine = Machine(mode)
        machine.gate(0x20, **change)
        found = machine.deliver(Event(0x20, EXTERNAL))
        assert found == [(0x20, None), (vector, idt_error(0x20) | EXT_BIT)], change


@BOTH
def test_a_program_may_not_call_a_gate_of_the_kernel(mode: str) -> None:
    machine = Machine(mode)
    found = machine.deliver(Event(0x21, SOFTWARE, next_rip=0x6002))
    assert found == [(0x21, None), (13, idt_error(0x21))]
    assert machine.deliver(Event(0x21, EXTERNAL)) == [(0x21, None)]


@BOTH
def test_a_vector_beyond_the_idt_is_a_general_protection_fault(mode: str) -> None:
    machine = Machine(mode)
    machine.regs.idtr.limit = 0x20 * machine.gate_size - 1
    assert machine.deliver(Event(0x20, EXTERNAL))[1] == (13, idt_error(0x20) | EXT_BIT)


@pytest.mark.parametrize(
    ("selector", "vector", "error_code"),
    [
        (0, Vector.GP, 0),
        (KERNEL_DATA, Vector.GP, KERNEL_DATA),
        (TSS_SELECTOR + 0x100, Vector.GP, TSS_SELECTOR + 0x100),
        (ABSENT, Vector.NP, ABSENT),
    ],
)
@BOTH
def test_each_fault_of_the_handlers_segment_names_its_selector(
    mode: str, selector: int, vector: int, error_code: int
) -> None:
    machine = Machine(mode)
    machine.gate(0x20, selector=selector)
    assert machine.deliver(Event(0x20, EXTERNAL))[1] == (vector, error_code | EXT_BIT)


def test_a_handler_of_outer_privilege_is_refused() -> None:
    machine = Machine("protected")
    machine.ring(0)
    machine.gate(0x20, selector=USER_CODE)
    assert machine.deliver(Event(0x20, EXTERNAL))[1] == (13, USER_CODE & ~3 | EXT_BIT)


def test_long_mode_refuses_a_handler_that_is_not_64_bit_code() -> None:
    machine = Machine("long")
    machine.descriptor(KERNEL_CODE, CODE)
    machine.descriptor(CONFORMING, CODE64 & ~0x6000)
    machine.gate(Vector.GP, selector=CONFORMING)
    assert machine.deliver(Event(0x20, EXTERNAL))[1] == (13, KERNEL_CODE | EXT_BIT)


@pytest.mark.parametrize("ss", [0, KERNEL_DATA | 3, 0x200, KERNEL_CODE, USER_DATA & ~3])
def test_a_bad_stack_in_the_tss_is_an_invalid_tss_fault(ss: int) -> None:
    machine = Machine("protected")
    machine.put(TSS + 8, "<I", ss)
    machine.gate(Vector.TS, selector=CONFORMING)
    assert machine.deliver(Event(0x20, EXTERNAL))[1] == (10, ss & ~3 | EXT_BIT)


@BOTH
def test_a_tss_that_is_too_short_or_missing_names_tr(mode: str) -> None:
    for limit, flags in ((7, 0x8900), (0x67, 0)):
        machine = Machine(mode)
        machine.regs.tr.load(TSS_SELECTOR, TSS, limit, flags)
        machine.gate(Vector.TS, selector=CONFORMING)
        assert machine.deliver(Event(0x20, EXTERNAL))[1] == (10, TSS_SELECTOR | EXT_BIT)


def test_a_missing_kernel_stack_is_a_page_fault_and_then_a_double_fault() -> None:
    machine = Machine("long")
    machine.unmap(KERNEL_STACK - 1)
    machine.gate(Vector.DF, ist=1)
    assert machine.deliver(Event(0x20, EXTERNAL)) == [(0x20, None), (14, 2), (8, 0)]
    assert machine.outcome is Outcome.DELIVERED
    assert machine.regs.cr2 == KERNEL_STACK - 8
    assert machine.frame(3) == [0, 0x6000, USER_CODE]


def test_a_fault_on_the_way_to_the_double_fault_handler_is_a_shutdown() -> None:
    machine = Machine("long")
    machine.unmap(KERNEL_STACK - 1)
    assert machine.deliver(Event(0x20, EXTERNAL)) == [(0x20, None), (14, 2), (8, 0)]
    assert machine.outcome is Outcome.SHUTDOWN


def test_a_page_fault_after_a_contributory_one_does_not_double() -> None:
    machine = Machine("long")
    machine.unmap(IST_STACK - 1)
    machine.gate(Vector.GP, ist=1)
    assert machine.deliver(Event(Vector.GP, error_code=0)) == [(13, 0), (14, 2)]


def test_two_contributory_faults_double() -> None:
    machine = Machine("protected")
    machine.gate(Vector.GP, present=False)
    machine.gate(Vector.NP, present=False)
    assert machine.deliver(Event(0x21, SOFTWARE)) == [(0x21, None), (13, 0x10A), (8, 0)]


def test_what_was_pushed_before_a_fault_stays_in_memory() -> None:
    machine = Machine("long")
    machine.put(TSS + 4, "<Q", 0x8010)  # SS and RSP fit on this page, RFLAGS do not
    machine.unmap(0x7FFF)
    machine.gate(Vector.PF, ist=1)
    machine.deliver(Event(0x20, EXTERNAL))
    assert machine.memory.read(0x8000, 16) == struct.pack("<QQ", USER_STACK - 4, USER_DATA)
    assert machine.regs.cr2 == 0x7FF8
