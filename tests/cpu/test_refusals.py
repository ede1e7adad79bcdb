"""Control registers and model-specific ones take what the SDM lets them, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cpu.machines import CODE, CODE32, ENGINES, STUB_BYTES, STUBS, Machine, same
from vectoros.cpu import refusals
from vectoros.cpu.bits import (
    CR0_PE,
    CR0_PG,
    CR4_PAE,
    EFER_LMA,
    EFER_LME,
    EFER_NXE,
    EFER_SCE,
    Gpr,
    Seg,
)
from vectoros.cpu.core import Stop
from vectoros.cpu.paging import is_canonical

pytestmark = pytest.mark.skipif(
    refusals.refuse() is not None, reason=f"refusals: {refusals.refuse()}"
)
every_engine = pytest.mark.parametrize("engine", ENGINES)
CD, NW, WP = 1 << 30, 1 << 29, 1 << 16
GP = 13
EFER, PAT, FS_BASE, LSTAR, TSC_AUX = 0xC000_0080, 0x277, 0xC000_0100, 0xC000_0082, 0xC000_0103
SYSENTER_EIP = 0x176


def run(engine: str, text: str, mode: str = "long", **registers: int) -> Machine:
    """Run one instruction and HLT; names of ``registers`` are those of general ones."""
    machine = Machine(engine)
    machine.boot(mode)
    machine.code(text + "\n hlt")
    for name, value in registers.items():
        machine.regs.gpr[Gpr[name.upper()]] = value
    machine.cpu.registers_changed()
    assert machine.run(1000) in (Stop.HALT, Stop.SHUTDOWN)
    return machine


def refused(machine: Machine) -> bool:
    """Whether the instruction raised #GP(0) with its own address, and no other fault."""
    faults = machine.cpu.faults()
    if not faults:
        return False
    assert [(f.vector, f.error_code, f.rip) for f in faults] == [(GP, 0, CODE)]
    return True


def write(engine: str, number: int, value: int) -> Machine:
    return run(engine, "wrmsr", rcx=number, rax=value & 0xFFFF_FFFF, rdx=value >> 32)


# -- control registers ---------------------------------------------------------------


@every_engine
@pytest.mark.parametrize(
    ("value", "why"),
    [
        (CR0_PG, "paging without protection"),
        (CR0_PG | CR0_PE | NW, "NW without CD"),
        (CR0_PE, "no paging in 64-bit mode"),
        (CR0_PG | CR0_PE | 1 << 32, "a reserved bit of the upper half"),
        (CR0_PG | CR0_PE | 1 << 63, "another"),
    ],
)
def test_cr0_refuses(engine: str, value: int, why: str) -> None:
    machine = run(engine, "mov cr0, rax", rax=value)
    assert refused(machine), why
    assert machine.regs.cr0 == CR0_PG | 0x11


@every_engine
@pytest.mark.parametrize("bits", [0, WP, CD, CD | NW, 0b1110])
def test_cr0_takes(engine: str, bits: int) -> None:
    machine = run(engine, "mov cr0, rax", rax=CR0_PG | CR0_PE | bits)
    assert not refused(machine)
    assert machine.regs.cr0 == CR0_PG | 0x11 | bits


@every_engine
def test_only_half_of_a_register_counts_outside_64_bit_mode(engine: str) -> None:
    machine = run(engine, "mov cr0, eax", "protected32", rax=0xFFFF_FFFF_0000_0011)
    assert not refused(machine)
    assert machine.regs.cr0 == 0x11


@every_engine
@pytest.mark.parametrize("obstacle", ["", "no PAE", "CS.L", "16-bit TSS"])
def test_ia_32e_mode_begins_only_from_where_it_can(engine: str, obstacle: str) -> None:
    machine = Machine(engine)
    machine.boot("long")  # for its tables
    machine.mode = "protected32"
    machine.code("mov cr0, eax\n hlt")
    regs = machine.regs
    regs.cr0, regs.efer, regs.cr4 = 0x11, EFER_LME, 0 if obstacle == "no PAE" else CR4_PAE
    attributes = 0xEF9B00 if obstacle == "CS.L" else 0xCF9B00
    regs.segs[Seg.CS].load(CODE32, 0, 0xFFFF_FFFF, attributes)
    if obstacle == "16-bit TSS":
        regs.tr.flags = 0x8300
    machine.gate(GP, STUBS + GP * STUB_BYTES)  # for the mode in which it is raised
    regs.gpr[Gpr.RAX] = CR0_PG | 0x11
    machine.cpu.registers_changed()
    machine.run(100)
    assert refused(machine) is bool(obstacle)
    begun = EFER_LME | EFER_LMA, CR0_PG | 0x11
    assert (machine.regs.efer, machine.regs.cr0) == ((EFER_LME, 0x11) if obstacle else begun)


@every_engine
@pytest.mark.parametrize(("value", "bad"), [(0x8FFF, False), (1 << 40, True), (1 << 63, True)])
def test_cr3_has_40_bits(engine: str, value: int, bad: bool) -> None:
    assert refused(run(engine, "mov cr3, rax", rax=value | 0x8000)) is bad


@every_engine
def test_long_mode_keeps_pae(engine: str) -> None:
    assert refused(run(engine, "mov cr4, rax", rax=0))
    assert not refused(run(engine, "mov cr4, rax", rax=CR4_PAE))
    assert not refused(run(engine, "mov cr4, eax", "protected32", rax=0))


@pytest.mark.parametrize("bit", range(64))
def test_cr4_has_the_bits_of_the_features_that_are_advertised(bit: int) -> None:
    allowed = refusals.cr4_allowed()
    assert allowed == 0x0014_07FC
    # SMEP would forbid the code to run: it is the user's, too.
    value = CR4_PAE | (1 << bit if bit != 20 else 0)
    machines = [run(engine, "mov cr4, rax", rax=value) for engine in ENGINES]
    assert [refused(machine) for machine in machines] == [value & allowed != value] * 2
    same(*machines)


@every_engine
@pytest.mark.parametrize("value", [0, 5, 15])
def test_cr8_keeps_four_bits(engine: str, value: int) -> None:
    machine = run(engine, "mov cr8, rax\n mov rbx, cr8", rax=value)
    assert not refused(machine)
    assert (machine.regs.gpr[Gpr.RBX], machine.regs.cr8) == (value, value)


@every_engine
@pytest.mark.parametrize("value", [16, 1 << 63])
def test_cr8_has_no_more(engine: str, value: int) -> None:
    assert refused(run(engine, "mov cr8, rax", rax=value))


@every_engine
@pytest.mark.parametrize(("value", "bad"), [(1, 0), (3, 0), (0, 1), (2, 1), (5, 1), (7, 1)])
def test_xcr0_has_x87_and_sse_and_never_without_x87(engine: str, value: int, bad: int) -> None:
    machine = Machine(engine)
    machine.boot("long")
    machine.code("xsetbv\n hlt")
    machine.regs.cr4 |= 1 << 18
    machine.regs.xcr0, machine.regs.gpr[Gpr.RAX] = 3, value
    machine.cpu.registers_changed()
    machine.run(100)
    assert refused(machine) == bool(bad)
    assert machine.regs.xcr0 == (3 if bad else value)


# -- model-specific registers ---------------------------------------------------------


@settings(max_examples=150)
@given(bit=st.integers(0, 63), engine=st.sampled_from(ENGINES))
def test_efer_has_four_bits_and_lme_stays_while_paging_is_on(bit: int, engine: str) -> None:
    value = (EFER_LME | EFER_LMA) ^ 1 << bit
    machine = write(engine, EFER, value)
    bad = bool(1 << bit & ~(EFER_SCE | EFER_LMA | EFER_NXE))
    assert refused(machine) is bad
    # LMA says what is, and a write does not change it.
    expected = EFER_LME | EFER_LMA if bad else value | EFER_LMA
    assert machine.regs.efer == expected


@settings(max_examples=150)
@given(
    number=st.sampled_from([FS_BASE, FS_BASE + 1, FS_BASE + 2, LSTAR, LSTAR + 1, SYSENTER_EIP]),
    value=st.one_of(
        st.integers(0, (1 << 64) - 1),
        st.sampled_from([0, (1 << 47) - 1, 1 << 47, (1 << 64) - (1 << 47), (1 << 64) - 1]),
        st.integers(-(1 << 48), -1).map(lambda value: value % (1 << 64)),
    ),
    engine=st.sampled_from(ENGINES),
)
def test_addresses_must_be_canonical(number: int, value: int, engine: str) -> None:
    machine = write(engine, number, value)
    assert refused(machine) is not is_canonical(value)


@settings(max_examples=100)
@given(
    types=st.lists(st.sampled_from([0, 1, 4, 5, 6, 7]), min_size=8, max_size=8),
    wrong=st.one_of(st.none(), st.sampled_from([2, 3, 8, 0x10, 0x80, 0xFF])),
    place=st.integers(0, 7),
)
def test_pat_takes_types_of_memory(types: list[int], wrong: int | None, place: int) -> None:
    if wrong is not None:
        types[place] = wrong
    value = int.from_bytes(bytes(types), "little")
    machine = write("fast", PAT, value)
    assert refused(machine) is (wrong is not None)
    if wrong is None:
        assert machine.regs.pat == value


def test_the_time_stamp_counter_can_be_read_as_a_register_and_not_be_set() -> None:
    code = "nop\n" * 7 + "add ecx, 0x10\n wrmsr\n rdmsr\n mov ebx, eax\n rdtsc\n sub eax, ebx"
    machines = [run(engine, code, rdx=1) for engine in ENGINES]
    for machine in machines:
        assert (machine.regs.gpr[Gpr.RBX], machine.regs.gpr[Gpr.RDX]) == (7 + 3 + 2, 0)
        assert machine.regs.gpr[Gpr.RAX] == 4
    same(*machines)


@every_engine
def test_tsc_aux_has_32_bits(engine: str) -> None:
    assert refused(write(engine, TSC_AUX, 1 << 32))
    assert write(engine, TSC_AUX, 0xFFFF_FFFF).regs.tsc_aux == 0xFFFF_FFFF


@every_engine
@pytest.mark.parametrize("number", [0x17, 0xFE, 0x179])
def test_what_only_tells_cannot_be_written(engine: str, number: int) -> None:
    assert not refused(run(engine, "rdmsr", rcx=number))
    assert refused(write(engine, number, 0))


@every_engine
@pytest.mark.parametrize(
    ("number", "value", "bad"),
    [
        (0x200, 0xFF_FFFF_F006, False),
        (0x200, 0x100_0000_0006, True),  # bit 40 of an address
        (0x200, 0x106, True),
        (0x200, 0x007, True),  # UC- is no type of MTRRs
        (0x20F, 0xFF_F000_0800, False),
        (0x20F, 0xFF_F000_0C00, True),
        (0x250, 0x0605_0401_0006_0000, False),
        (0x26F, 0x0700_0000_0000_0000, True),
        (0x2FF, 0xC06, False),
        (0x2FF, 0x1006, True),
        (0x2FF, 0x002, True),
    ],
)
def test_mtrrs_take_types_and_addresses(engine: str, number: int, value: int, bad: bool) -> None:
    assert refused(write(engine, number, value)) is bad


@every_engine
def test_the_time_stamp_counter_is_read_by_its_number_too(engine: str) -> None:
    by_number, by_name = (
        run(engine, f"mov r8d, 5\n nop\n {instruction}\n nop", rcx=0x10, rdx=9).regs.gpr
        for instruction in ("rdmsr", "rdtsc")
    )
    assert by_number[Gpr.RAX] == by_name[Gpr.RAX] > 0
    assert by_number[Gpr.RDX] == by_name[Gpr.RDX] == 0


@every_engine
def test_there_are_no_performance_counters(engine: str) -> None:
    assert refused(run(engine, "rdpmc", rcx=0))


@every_engine
@pytest.mark.parametrize("number", [0x1000, 0x4000_0000, 0xC000_0085, 0xC001_0015, 0xFFFF_FFFF])
def test_a_number_that_is_no_register_is_refused_and_leaves_all_as_it_was(
    engine: str, number: int
) -> None:
    machine = run(engine, "rdmsr", rcx=number, rax=7, rdx=9)
    assert refused(machine)
    assert (machine.regs.gpr[Gpr.RAX], machine.regs.gpr[Gpr.RDX]) == (7, 9)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 0x1100), st.integers(0, (1 << 64) - 1)), max_size=4))
def test_both_engines_agree_on_any_register(accesses: list[tuple[int, int]]) -> None:
    text = "\n".join(
        f"mov ecx, {number}\n mov eax, {value & 0xFFFF_FFFF}\n mov edx, {value >> 32}\n"
        "wrmsr\n rdmsr\n add r8, rax\n add r9, rdx"
        for number, value in accesses
    )
    same(*(run(engine, text) for engine in ENGINES))
