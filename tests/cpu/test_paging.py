"""Page walks: each mode, each fault with its error code, and the MMU as an oracle."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vectoros.cpu.bits import (
    CR0_PE,
    CR0_PG,
    CR0_WP,
    CR4_PAE,
    CR4_PSE,
    CR4_SMAP,
    CR4_SMEP,
    EFER_LMA,
    EFER_LME,
    EFER_NXE,
    Flag,
    Seg,
)
from vectoros.cpu.faults import CpuFault, PageFault, Vector
from vectoros.cpu.paging import (
    PAGE_A,
    PAGE_D,
    PAGE_NX,
    PAGE_P,
    PAGE_PS,
    PAGE_U,
    PAGE_W,
    Access,
    is_canonical,
    read_linear,
    translate,
    walk,
    write_linear,
)
from vectoros.cpu.registers import Registers
from vectoros.memory import Memory

if TYPE_CHECKING:
    from tests.cpu.conftest import Oracle

RAM_BYTES = 1 << 20
TABLES = 0x40000
CODE = 0x2000
FRAME = 0x13000
KERNEL_PAGE = PAGE_P | PAGE_W
USER_PAGE = KERNEL_PAGE | PAGE_U
LINEAR = 0x6789

P, WR, US, RSVD, ID = 1, 2, 4, 8, 16
"""Bits of the page-fault error code, as the SDM names them."""


class Paged:
    """Registers and tables in which the pages from linear 0 are mapped through ``entries``."""

    def __init__(self, mode: str, entries: Sequence[int], *, nxe: bool = True) -> None:
        self.regs = regs = Registers()
        self.memory = Memory(RAM_BYTES)
        regs._a20_mask = -1
        regs._cc_op = 1
        regs.cr0 = CR0_PE | CR0_PG | CR0_WP
        regs.cr3 = TABLES
        regs.cr4 = CR4_PSE if mode == "legacy" else CR4_PAE
        regs.efer = (EFER_NXE if nxe else 0) | (EFER_LME | EFER_LMA if mode == "long" else 0)
        self.size = 4 if mode == "legacy" else 8
        form = "<I" if mode == "legacy" else "<Q"
        for level, entry in enumerate(entries):
            self.memory.write(TABLES + level * 0x1000, struct.pack(form, entry))
        last = TABLES + (len(entries) - 1) * 0x1000
        for page in range(1, 16):  # neighbours of the page under test, to be crossed into
            self.memory.write(last + page * self.size, struct.pack(form, entries[-1]))

    def translate(self, linear: int, access: Access = Access.READ) -> int:
        return translate(self.regs, self.memory, linear, access)

    def entry(self, level: int) -> int:
        """Return the first entry of the table at ``level``, 0 being the top."""
        return int.from_bytes(self.memory.read(TABLES + level * 0x1000, self.size), "little")

    @property
    def ram(self) -> bytes:
        return self.memory.read(0, RAM_BYTES)


def chain(levels: int, leaf: int, flags: int = USER_PAGE) -> list[int]:
    """Return entries that lead through ``levels`` tables to ``leaf``."""
    return [TABLES + level * 0x1000 | flags for level in range(1, levels)] + [leaf]


def pae(leaf: int, flags: int = USER_PAGE) -> list[int]:
    return [TABLES + 0x1000 | PAGE_P, TABLES + 0x2000 | flags, leaf]


def test_without_paging_an_address_is_itself_cut_to_32_bits() -> None:
    paged = Paged("legacy", [0])
    paged.regs.cr0 = CR0_PE
    assert paged.translate(0x1_2345_6789) == 0x2345_6789
    assert walk(paged.regs, paged.memory, 0x1000) == []


@pytest.mark.parametrize(
    ("mode", "entries", "names", "physical"),
    [
        ("legacy", chain(2, FRAME | USER_PAGE), ["PDE", "PTE"], FRAME + 0x789),
        ("legacy", [0x40_0000 | USER_PAGE | PAGE_PS], ["PDE"], 0x40_0000 + LINEAR),
        ("legacy", [0x40_0000 | 0x6000 | USER_PAGE | PAGE_PS], ["PDE"], 0x3_0040_0000 + LINEAR),
        ("pae", pae(FRAME | USER_PAGE), ["PDPTE", "PDE", "PTE"], FRAME + 0x789),
        ("pae", [TABLES + 0x1000 | PAGE_P, 0x20_0000 | USER_PAGE | PAGE_PS],
         ["PDPTE", "PDE"], 0x20_0000 + LINEAR),
        ("long", chain(4, FRAME | USER_PAGE), ["PML4E", "PDPTE", "PDE", "PTE"], FRAME + 0x789),
        ("long", chain(3, 0x20_0000 | USER_PAGE | PAGE_PS), ["PML4E", "PDPTE", "PDE"],
         0x20_0000 + LINEAR),
        ("long", chain(3, 0x20_1000 | USER_PAGE | PAGE_PS), ["PML4E", "PDPTE", "PDE"],
         0x20_0000 + LINEAR),  # with the PAT bit
        ("long", chain(2, 0x4000_0000 | USER_PAGE | PAGE_PS), ["PML4E", "PDPTE"],
         0x4000_0000 + LINEAR),
    ],
)  # fmt: skip
def test_each_mode_and_page_size_translates(
    mode: str, entries: list[int], names: list[str], physical: int
) -> None:
    paged = Paged(mode, entries)
    assert paged.translate(LINEAR if physical != FRAME + 0x789 else 0x789) == physical
    met = walk(paged.regs, paged.memory, LINEAR)
    assert [entry.level.name for entry in met] == names
    assert met[-1].maps is not None


def test_upper_halves_are_reached_by_sign_extended_addresses() -> None:
    paged = Paged("long", chain(4, FRAME | KERNEL_PAGE))
    paged.memory.write(TABLES + 511 * 8, paged.memory.read(TABLES, 8))
    assert paged.translate(0xFFFF_FF80_0000_0123) == FRAME + 0x123


@pytest.mark.parametrize("linear", [1 << 47, 0xFFFF_7FFF_FFFF_FFFF, 1 << 63])
def test_an_address_that_is_not_canonical_is_a_general_protection_fault(linear: int) -> None:
    paged = Paged("long", chain(4, FRAME | KERNEL_PAGE))
    assert not is_canonical(linear)
    with pytest.raises(CpuFault) as fault:
        paged.translate(linear)
    assert (fault.value.vector, fault.value.error_code) == (Vector.GP, 0)
    assert walk(paged.regs, paged.memory, linear) == []


R, W, X = Access.READ, Access.WRITE, Access.FETCH
USER = Access.USER


@pytest.mark.parametrize(
    ("flags", "access", "error_code"),
    [
        (0, R, 0),
        (0, W | USER, WR | US),
        (0, X | USER, ID | US),
        (KERNEL_PAGE, R | USER, P | US),
        (KERNEL_PAGE, W | USER, P | WR | US),
        (PAGE_P | PAGE_U, W | USER, P | WR | US),
        (PAGE_P, W, P | WR),
        (USER_PAGE | PAGE_NX, X | USER, P | US | ID),
        (KERNEL_PAGE | PAGE_NX, X, P | ID),
        (KERNEL_PAGE | 1 << 40, R, P | RSVD),
        (KERNEL_PAGE | 1 << 51, W, P | RSVD | WR),
    ],
)
def test_each_violation_has_its_error_code(flags: int, access: Access, error_code: int) -> None:
    paged = Paged("long", chain(4, FRAME | flags))
    with pytest.raises(PageFault) as fault:
        paged.translate(0x123, access)
    assert (fault.value.error_code, fault.value.linear) == (error_code, 0x123)
    assert not paged.entry(3) & (PAGE_A | PAGE_D)


def test_rights_are_those_that_all_levels_grant() -> None:
    for level in range(3):
        entries = chain(4, FRAME | USER_PAGE)
        entries[level] &= ~PAGE_U
        with pytest.raises(PageFault):
            Paged("long", entries).translate(0, R | USER)
        entries = chain(4, FRAME | USER_PAGE)
        entries[level] |= PAGE_NX
        with pytest.raises(PageFault):
            Paged("long", entries).translate(0, X)


def test_without_nxe_the_nx_bit_is_reserved_and_a_fetch_is_not_told() -> None:
    with pytest.raises(PageFault) as fault:
        Paged("long", chain(4, FRAME | USER_PAGE | PAGE_NX), nxe=False).translate(0)
    assert fault.value.error_code == P | RSVD
    with pytest.raises(PageFault) as fault:
        Paged("long", chain(4, 0), nxe=False).translate(0, X)
    assert fault.value.error_code == 0


def test_the_kernel_writes_read_only_pages_unless_wp_is_set() -> None:
    paged = Paged("long", chain(4, FRAME | PAGE_P))
    paged.regs.cr0 &= ~CR0_WP
    assert paged.translate(0, W) == FRAME
    with pytest.raises(PageFault):
        paged.translate(0, W | USER)


def test_smep_keeps_the_kernel_from_running_user_pages() -> None:
    paged = Paged("long", chain(4, FRAME | USER_PAGE), nxe=False)
    assert paged.translate(0, X) == FRAME
    paged.regs.cr4 |= CR4_SMEP
    with pytest.raises(PageFault) as fault:
        paged.translate(0, X)
    assert fault.value.error_code == P | ID
    assert paged.translate(0, X | USER) == FRAME


def test_smap_keeps_the_kernel_from_user_pages_unless_ac_is_set() -> None:
    paged = Paged("long", chain(4, FRAME | USER_PAGE))
    paged.regs.cr4 |= CR4_SMAP
    with pytest.raises(PageFault) as fault:
        paged.translate(0, W)
    assert fault.value.error_code == P | WR
    paged.regs.rflags = Flag.AC
    assert paged.translate(0, W) == FRAME
    paged.regs._hflags |= 3  # at CPL 3 an implicit access, of the TSS say, has no such excuse
    with pytest.raises(PageFault):
        paged.translate(0)


@pytest.mark.parametrize(
    ("mode", "entries"),
    [
        ("legacy", [0x60_0000 | USER_PAGE | PAGE_PS]),
        ("pae", [TABLES + 0x1000 | PAGE_P, 0x20_2000 | USER_PAGE | PAGE_PS]),
        ("long", chain(2, 0x20_0000 | USER_PAGE | PAGE_PS)),
        ("pae", pae(FRAME | USER_PAGE | 1 << 52)),
        ("pae", [TABLES + 0x1000 | PAGE_P | PAGE_NX]),
    ],
)
def test_low_bits_of_large_pages_and_high_bits_of_pae_are_reserved(
    mode: str, entries: list[int]
) -> None:
    with pytest.raises(PageFault) as fault:
        Paged(mode, entries).translate(LINEAR)
    assert fault.value.error_code == P | RSVD


def test_without_pse_a_directory_entry_always_names_a_table() -> None:
    paged = Paged("legacy", [TABLES + 0x1000 | USER_PAGE | PAGE_PS, FRAME | USER_PAGE])
    paged.regs.cr4 = 0
    assert paged.translate(0) == FRAME


def test_accessed_and_dirty_bits_follow_the_access() -> None:
    paged = Paged("long", chain(4, FRAME | KERNEL_PAGE))
    paged.translate(0)
    assert [paged.entry(level) & (PAGE_A | PAGE_D) for level in range(4)] == [PAGE_A] * 4
    paged.translate(0, W)
    assert paged.entry(3) & PAGE_D
    assert not paged.entry(2) & PAGE_D


def test_a_look_ignores_rights_and_writes_nothing() -> None:
    paged = Paged("long", chain(4, FRAME | PAGE_P, flags=PAGE_P))
    before = paged.ram
    assert translate(paged.regs, paged.memory, 5, W | USER, look=True) == FRAME + 5
    assert paged.ram == before
    with pytest.raises(PageFault):
        translate(paged.regs, paged.memory, 1 << 21, look=True)


def test_a_walk_ends_at_the_entry_that_is_not_there_and_says_what_it_holds() -> None:
    paged = Paged("long", [TABLES + 0x1000 | USER_PAGE, 0x1234_5000])
    met = walk(paged.regs, paged.memory, 0)
    assert [entry.present for entry in met] == [True, False]
    assert str(met[0]) == "PML4E at 0x000040000 = 0x0000000000041007  P W U"
    assert str(met[1]) == "PDPTE at 0x000041000 = 0x0000000012345000  -"
    paged = Paged("long", [TABLES + 0x1000 | USER_PAGE | PAGE_PS])
    (only,) = walk(paged.regs, paged.memory, 0)
    assert str(only).endswith("P W U PS; reserved bits set: 0x80")


def test_a_range_may_cross_pages_and_is_checked_whole_before_it_is_written() -> None:
    paged = Paged("long", chain(4, FRAME | KERNEL_PAGE))
    write_linear(paged.regs, paged.memory, 0x1FFE, b"abcd")
    assert paged.memory.read(FRAME + 0xFFE, 2) == b"ab"  # every page is mapped to one frame
    assert paged.memory.read(FRAME, 2) == b"cd"
    assert read_linear(paged.regs, paged.memory, 0x1FFE, 4) == b"abcd"
    last_page = 15 * 0x1000
    before = paged.ram
    with pytest.raises(PageFault) as fault:
        write_linear(paged.regs, paged.memory, last_page + 0xFFE, b"abcd")
    assert (fault.value.linear, fault.value.error_code) == (0x10000, WR)
    assert paged.ram[:TABLES] == before[:TABLES]


def test_a_range_at_the_top_of_the_address_space_wraps() -> None:
    paged = Paged("long", chain(4, FRAME | KERNEL_PAGE))
    paged.regs.cr0 = CR0_PE
    paged.regs.efer = 0
    paged.memory.write(0, b"low")
    assert read_linear(paged.regs, paged.memory, 0xFFFF_FFFE, 4) == b"\xff\xfflo"


BITS = [PAGE_P, PAGE_W, PAGE_U, PAGE_A, PAGE_D, PAGE_PS, PAGE_NX, 1 << 12, 1 << 40, 1 << 52]


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    mode=st.sampled_from(["legacy", "pae", "long"]),
    flips=st.lists(st.tuples(st.integers(0, 3), st.sampled_from(BITS)), max_size=4),
    low=st.sampled_from([0, 0, 0x1000, 0x2000, 0x20_0000]),
    control=st.tuples(*[st.booleans()] * 5),
    cpl=st.sampled_from([0, 3]),
    kind=st.sampled_from(["load", "store", "fetch"]),
    linear=st.sampled_from([0x13, 0x13, 0x13, 0xABC, 1 << 47, 0x40_0000]),
)
def test_the_mmu_gives_the_same_translation_fault_and_marks(
    oracle: Oracle,
    mode: str,
    flips: list[tuple[int, int]],
    low: int,
    control: tuple[bool, ...],
    cpl: int,
    kind: str,
    linear: int,
) -> None:
    write_protect, nxe, smep, smap, page_size = control
    levels = {"legacy": 2, "pae": 3, "long": 4}[mode]
    entries = chain(levels, (FRAME if low == 0 else low) | KERNEL_PAGE)
    if mode == "pae":
        entries[0] = TABLES + 0x1000 | PAGE_P
    width = 32 if mode == "legacy" else 64
    for number, bit in flips:
        if number < levels and bit >> width == 0:
            entries[number] ^= bit
            if bit == PAGE_PS and number < levels - 1:  # a large page, of frame 0
                entries[number] = entries[number] & ~0xF_F000 | low
    paged = Paged(mode, entries, nxe=nxe)
    code = {"legacy": 0xFFC0_2000, "pae": 0xC000_2000, "long": 0x80_0000_2000}[mode]
    _map_code(paged, mode, cpl)
    regs = Registers.from_buffer_copy(oracle.reset_image)
    regs.cr0 = CR0_PE | CR0_PG | (CR0_WP if write_protect else 0)
    regs.cr3, regs.efer = TABLES, paged.regs.efer
    regs.cr4 = CR4_PAE if mode != "legacy" else CR4_PSE if page_size else 0
    regs.cr4 |= (CR4_SMEP if smep else 0) | (CR4_SMAP if smap else 0)
    attributes = (0xA09B00 if mode == "long" else 0xC09B00) | cpl << 13
    regs.segs[Seg.CS].load(8 | cpl, 0, 0xFFFF_FFFF, attributes)
    regs.segs[Seg.SS].load(16 | cpl, 0, 0xFFFF_FFFF, 0xC09300 | cpl << 13)
    regs.rip, regs.cr2, regs.rflags = code, 0, 2
    regs.update_hidden()

    oracle.memory.write(0, paged.ram)
    oracle.set_registers(bytes(regs))
    index = 1 if cpl == 3 else 0 if smap else 2  # user; kernel with SMAP; kernel
    operands = {"load": (linear, index, 0), "store": (linear, 0x5A, index), "fetch": (linear,)}
    native = oracle.step(kind, *operands[kind], probing=True)
    access = {"load": R, "store": W, "fetch": X}[kind] | (USER if cpl == 3 else R)
    physical, ours = _attempt(regs, paged.memory, linear, access)
    theirs = (native.vector, oracle.regs._error_code, oracle.regs.cr2)
    assert ours == (theirs if native.vector is not None else None)
    if physical is not None:
        if kind == "store":
            paged.memory.write(physical, b"\x5a")
        elif kind == "load":
            assert native.value & 0xFF == paged.memory.read(physical, 1)[0]
    assert oracle.memory.read(0, RAM_BYTES) == paged.ram


def _attempt(
    regs: Registers, memory: Memory, linear: int, access: Access
) -> tuple[int | None, tuple[int, int, int] | None]:
    """Return the physical address, or else vector, error code and CR2 of the fault."""
    try:
        return translate(regs, memory, linear, access), None
    except PageFault as fault:
        return None, (fault.vector, fault.error_code, fault.linear)
    except CpuFault as fault:
        return None, (fault.vector, fault.error_code, regs.cr2)


def _map_code(paged: Paged, mode: str, cpl: int) -> None:
    """Map the page that RIP is on, far from the entries under test."""
    form = "<I" if mode == "legacy" else "<Q"
    top = {"legacy": 1023 * 4, "pae": 3 * 8, "long": 8}[mode]
    levels = {"legacy": 2, "pae": 3, "long": 4}[mode]
    rights = PAGE_P | PAGE_A | PAGE_D | (PAGE_W | PAGE_U if cpl == 3 else PAGE_W)
    tables = [TABLES + 0x10000 + level * 0x1000 for level in range(1, levels)]
    places = [TABLES + top, *tables]
    places[-1] += (CODE >> 12) * paged.size
    values = [table | rights for table in tables] + [CODE | rights]
    if mode == "pae":
        values[0] = tables[0] | PAGE_P
    for place, value in zip(places, values, strict=True):
        paged.memory.write(place, struct.pack(form, value))
