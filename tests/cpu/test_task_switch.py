"""The task switch of a task gate: what is saved, what is loaded, and each fault."""

from __future__ import annotations

import struct

import pytest

from vectoros.cpu.bits import CR0_PE, CR0_TS, Flag, Seg
from vectoros.cpu.descriptors import Descriptor, SystemType
from vectoros.cpu.faults import CpuFault, Vector
from vectoros.cpu.registers import Registers
from vectoros.cpu.task_switch import call_task
from vectoros.memory import Memory

GDT, OLD, NEW = 0x1000, 0x2000, 0x3000
CODE, DATA, ABSENT_DATA, LDT, TASK, OLD_TASK = 0x08, 0x10, 0x18, 0x20, 0x28, 0x30
CODE_DPL3, DATA_DPL3, EXECUTE_ONLY, ABSENT_CODE = 0x38, 0x40, 0x48, 0x50

CR3, EIP, EFLAGS, EAX, ES, LDTR = 0x1C, 0x20, 0x24, 0x28, 0x48, 0x60
"""Offsets in a 32-bit TSS."""


class Tasks:
    """A ring-0 task at OLD and one to switch to at NEW."""

    def __init__(self) -> None:
        self.memory = Memory(1 << 20)
        self.regs = regs = Registers()
        regs._a20_mask, regs._cc_op, regs._df = -1, 1, 1
        regs.cr0 = CR0_PE
        for selector, attributes in (
            (CODE, 0xC09B00),
            (DATA, 0xC09300),
            (ABSENT_DATA, 0xC01300),
            (CODE_DPL3, 0xC0FB00),
            (DATA_DPL3, 0xC0F300),
            (EXECUTE_ONLY, 0xC09900),
            (ABSENT_CODE, 0xC01B00),
        ):
            self.descriptor(selector, 0, 0xFFFF_FFFF, attributes)
        self.descriptor(LDT, 0x4000, 0x7F, 0x8200)
        self.descriptor(TASK, NEW, 0x67, 0x8900)
        regs.gdtr.load(0, GDT, 0x57, 0)
        regs.tr.load(OLD_TASK, OLD, 0x67, 0x8900)
        for seg in Seg:
            regs.segs[seg].load(DATA, 0, 0xFFFF_FFFF, 0xC09300)
        regs.segs[Seg.CS].load(CODE, 0, 0xFFFF_FFFF, 0xC09B00)
        regs.rflags = Flag.CF | Flag.IF
        for number in range(8):
            regs.gpr[number] = 0x1_0000_0010 + number
        regs.update_hidden()
        self.word(EIP, 0x7777)
        self.word(EFLAGS, Flag.ZF | Flag.DF | Flag.AC)
        for number in range(8):
            self.word(EAX + number * 4, 0x20 + number)
        self.selectors(es=DATA, cs=CODE, ss=DATA, ds=DATA, fs=0, gs=0)

    def descriptor(self, selector: int, base: int, limit: int, attributes: int) -> None:
        self.memory.write(GDT + selector, Descriptor(base, limit, attributes).encode())

    def word(self, offset: int, value: int) -> None:
        self.memory.write(NEW + offset, struct.pack("<I", value))

    def selectors(self, **chosen: int) -> None:
        for name, value in chosen.items():
            self.word(ES + Seg[name.upper()] * 4, value)

    def switch(self) -> None:
        call_task(self.regs, self.memory, TASK, 0x6000)

    def fault(self) -> tuple[int, int]:
        """Switch, and return vector and error code of the fault that must come."""
        with pytest.raises(CpuFault) as fault:
            self.switch()
        return fault.value.vector, fault.value.error_code


@pytest.fixture
def tasks() -> Tasks:
    return Tasks()


def test_the_old_task_is_saved_and_the_new_one_links_back_to_it(tasks: Tasks) -> None:
    tasks.switch()
    saved = struct.unpack("<10I", tasks.memory.read(OLD + EIP, 40))
    assert saved == (0x6000, Flag.CF | Flag.IF | 2, *range(0x10, 0x18))
    selectors = struct.unpack("<12H", tasks.memory.read(OLD + ES, 24))[::2]
    assert selectors == (DATA, CODE, DATA, DATA, DATA, DATA)
    assert tasks.memory.read(NEW, 2) == struct.pack("<H", OLD_TASK)
    descriptor = Descriptor.decode(tasks.memory.read(GDT + TASK, 8))
    assert descriptor.type == SystemType.TSS_BUSY


def test_the_new_task_is_loaded_nested_and_with_ts_set(tasks: Tasks) -> None:
    regs = tasks.regs
    tasks.word(LDTR, LDT)
    regs.dr[7] = 0x4FF
    tasks.switch()
    assert (regs.rip, list(regs.gpr[:8])) == (0x7777, list(range(0x20, 0x28)))
    assert regs.rflags == Flag.ZF | Flag.DF | Flag.AC | Flag.NT | 2
    assert (regs.tr.selector, regs.tr.base, regs.tr.flags) == (TASK, NEW, 0x8900)
    assert (regs.ldtr.selector, regs.ldtr.base, regs.ldtr.limit) == (LDT, 0x4000, 0x7F)
    assert [segment.selector for segment in regs.segs] == [DATA, CODE, DATA, DATA, 0, 0]
    assert regs.segs[Seg.GS].limit == 0
    assert regs.cr0 & CR0_TS
    assert regs.dr[7] == 0x4AA


def test_a_task_may_run_at_ring_3(tasks: Tasks) -> None:
    tasks.selectors(cs=CODE_DPL3 | 3, ss=DATA_DPL3 | 3, es=DATA_DPL3 | 3, ds=0)
    tasks.switch()
    assert tasks.regs.cpl == 3


def test_a_task_may_run_in_virtual_8086_mode(tasks: Tasks) -> None:
    tasks.word(EFLAGS, Flag.VM)
    tasks.selectors(cs=0x1234)
    tasks.switch()
    assert tasks.regs.mode == "virtual-8086"
    cs = tasks.regs.segs[Seg.CS]
    assert (cs.base, cs.limit, cs.flags) == (0x12340, 0xFFFF, 0xF300)


@pytest.mark.parametrize(
    ("base", "limit", "attributes", "vector"),
    [
        (NEW, 0x67, 0x8B00, Vector.GP),
        (NEW, 0x67, 0x9300, Vector.GP),
        (NEW, 0x67, 0x8200, Vector.GP),
        (NEW, 0x67, 0x0900, Vector.NP),
        (NEW, 0x66, 0x8900, Vector.TS),
        (NEW, 0x2A, 0x8100, Vector.TS),
    ],
)
def test_a_bad_tss_changes_nothing_but_raises(
    tasks: Tasks, base: int, limit: int, attributes: int, vector: int
) -> None:
    tasks.descriptor(TASK, base, limit, attributes)
    before = bytes(tasks.regs)
    assert tasks.fault() == (vector, TASK)
    assert bytes(tasks.regs) == before


def test_a_tss_lies_in_the_gdt(tasks: Tasks) -> None:
    for selector, vector in ((TASK | 4, Vector.TS), (0x100, Vector.GP)):
        with pytest.raises(CpuFault) as fault:
            call_task(tasks.regs, tasks.memory, selector, 0)
        assert (fault.value.vector, fault.value.error_code) == (vector, selector)


@pytest.mark.parametrize(
    ("name", "selector", "vector"),
    [
        ("cs", 0, Vector.TS),
        ("cs", DATA, Vector.TS),
        ("cs", CODE | 1, Vector.TS),
        ("cs", CODE_DPL3, Vector.TS),
        ("cs", ABSENT_CODE, Vector.NP),
        ("ss", 0, Vector.TS),
        ("ss", CODE, Vector.TS),
        ("ss", DATA | 1, Vector.TS),
        ("ss", DATA_DPL3, Vector.TS),
        ("ss", ABSENT_DATA, Vector.NP),
        ("es", 0x200, Vector.TS),
        ("es", LDT, Vector.TS),
        ("ds", EXECUTE_ONLY, Vector.TS),
        ("fs", DATA | 3, Vector.TS),
        ("gs", ABSENT_DATA, Vector.NP),
    ],
)
def test_each_segment_that_does_not_fit_faults_in_the_new_task(
    tasks: Tasks, name: str, selector: int, vector: int
) -> None:
    tasks.selectors(**{name: selector})
    assert tasks.fault() == (vector, selector & ~3)
    assert tasks.regs.tr.selector == TASK


@pytest.mark.parametrize("selector", [LDT | 4, DATA, 0x200])
def test_a_bad_ldt_is_an_invalid_tss(tasks: Tasks, selector: int) -> None:
    tasks.word(LDTR, selector)
    assert tasks.fault() == (Vector.TS, selector)


def test_an_instruction_pointer_beyond_the_code_segment_faults(tasks: Tasks) -> None:
    tasks.descriptor(CODE, 0, 0x7776, 0x409B00)
    assert tasks.fault() == (Vector.GP, 0)


def test_a_16_bit_task_cannot_be_entered(tasks: Tasks) -> None:
    tasks.descriptor(TASK, NEW, 0x2B, 0x8100)
    for selector in (LDT, DATA):  # where Unicorn looks for both the LDT and SS
        tasks.memory.write(NEW + 0x24, struct.pack("<HHHHH", 0, CODE, 0, selector, 0))
        tasks.memory.write(NEW + 0x2A, struct.pack("<H", selector))
        assert tasks.fault()[0] == Vector.TS
        tasks.descriptor(TASK, NEW, 0x2B, 0x8100)
