"""The register file: layout, flags, mode, and the digest that Unicorn keeps of them."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vectoros.cpu.bits import (
    CC_OP_EFLAGS,
    CR0_PE,
    CR0_PG,
    CR0_TS,
    CR4_SMAP,
    EFER_LMA,
    EFER_LME,
    Flag,
    Hidden,
    Seg,
)
from vectoros.cpu.registers import CONTEXT_BYTES, LAYOUT, OFFSET, Registers
from vectoros.errors import InvariantError

if TYPE_CHECKING:
    from tests.cpu.conftest import Oracle

CODE16, CODE32, CODE64, DATA32 = 0x9B00, 0xC09B00, 0xA09B00, 0xC09300


def flat(cr0: int, efer: int, code: int, dpl: int = 0) -> Registers:
    regs = Registers()
    regs._cc_op = CC_OP_EFLAGS
    regs.cr0, regs.efer = cr0, efer
    for seg in Seg:
        regs.segs[seg].load(8, 0, 0xFFFF_FFFF, DATA32 | dpl << 13)
    regs.segs[Seg.CS].flags = code | dpl << 13
    regs.update_hidden()
    return regs


def test_a_field_is_where_its_table_says_and_as_wide() -> None:
    regs = Registers.from_buffer_copy(bytes(range(256)) * (CONTEXT_BYTES // 256 + 1))
    raw = bytes(regs)
    assert len(raw) == CONTEXT_BYTES
    assert regs.rip == int.from_bytes(raw[0x80:0x88], "little")
    assert regs.segs[Seg.GS].base == int.from_bytes(raw[0x138:0x140], "little")
    assert regs.gpr[15] == int.from_bytes(raw[0x78:0x80], "little")
    assert OFFSET["efer"] == 0x250
    assert len({name for name, *_ in LAYOUT}) == len(LAYOUT)


@given(flags=st.integers(0, 2**22 - 1))
def test_rflags_read_back_as_written_with_bit_1_set(flags: int) -> None:
    regs = Registers()
    regs.rflags = flags
    assert regs.rflags == flags | 2


def test_writing_rflags_leaves_the_digest_alone() -> None:
    regs = Registers()
    before = regs._hflags
    regs.rflags = 0x3FFFFF  # Unicorn ORs both; what stood in the digest would stay for ever
    assert regs._hflags == before


def test_lazy_flags_must_be_computed_before_they_are_read() -> None:
    regs = Registers()
    regs._cc_op = 9
    with pytest.raises(InvariantError, match="lazy"):
        assert regs.rflags


@pytest.mark.parametrize(
    ("cr0", "efer", "code", "flags", "mode", "bits"),
    [
        (0, 0, CODE16, 0, "real", 16),
        (CR0_PE, 0, CODE16, 0, "16-bit protected", 16),
        (CR0_PE, 0, CODE32, 0, "32-bit protected", 32),
        (CR0_PE, 0, CODE16, Flag.VM, "virtual-8086", 16),
        (CR0_PE | CR0_PG, EFER_LME | EFER_LMA, CODE32, 0, "compatibility", 32),
        (CR0_PE | CR0_PG, EFER_LME | EFER_LMA, CODE64, 0, "64-bit", 64),
    ],
)
def test_the_mode_follows_from_the_architectural_registers(
    cr0: int, efer: int, code: int, flags: int, mode: str, bits: int
) -> None:
    regs = flat(cr0, efer, code)
    regs.rflags = flags
    regs.update_hidden()
    assert (regs.mode, regs.code_bits) == (mode, bits)


@pytest.mark.parametrize("dpl", range(4))
def test_the_privilege_level_is_that_of_the_stack(dpl: int) -> None:
    assert flat(CR0_PE, 0, CODE32, dpl).cpl == dpl


def test_virtual_8086_mode_is_privilege_level_3_and_real_mode_is_0() -> None:
    regs = flat(CR0_PE, 0, CODE16)
    regs.rflags = Flag.VM
    regs.update_hidden()
    assert regs.cpl == 3
    assert flat(0, 0, CODE16, 3).cpl == 0


def test_the_linear_rip_adds_the_base_except_in_64_bit_mode() -> None:
    regs = flat(CR0_PE, 0, CODE32)
    regs.segs[Seg.CS].base, regs.rip = 0xFFFF_0000, 0x2_0000
    assert regs.linear_rip == 0x1_0000
    regs = flat(CR0_PE | CR0_PG, EFER_LMA, CODE64)
    regs.segs[Seg.CS].base, regs.rip = 0x1000, 0xFFFF_8000_0000_0000
    assert regs.linear_rip == 0xFFFF_8000_0000_0000


def test_the_shadow_and_the_nmi_block_are_one_bit_each() -> None:
    regs = flat(CR0_PE, 0, CODE32)
    digests = regs._hflags, regs._hflags2
    regs.interrupt_shadow = regs.nmi_blocked = True
    assert regs.interrupt_shadow
    assert regs.nmi_blocked
    regs.update_hidden()
    assert regs.interrupt_shadow
    regs.interrupt_shadow = regs.nmi_blocked = False
    assert (regs._hflags, regs._hflags2) == digests


@given(
    cr0=st.sampled_from([0, CR0_PE, CR0_PE | CR0_TS, CR0_PE | CR0_PG]),
    bases=st.lists(st.sampled_from([0, 0x1000]), min_size=3, max_size=3),
    bits=st.sampled_from([CODE16, CODE32]),
)
def test_segment_bases_count_where_one_of_them_is_not_zero(
    cr0: int, bases: list[int], bits: int
) -> None:
    regs = flat(cr0, 0, bits)
    for seg, base in zip((Seg.DS, Seg.ES, Seg.SS), bases, strict=True):
        regs.segs[seg].base = base
    regs.update_hidden()
    counts = any(bases) or cr0 == 0 or bits == CODE16
    assert bool(regs._hflags & Hidden.ADDSEG) == counts
    assert bool(regs._hflags & Hidden.TS) == bool(cr0 & CR0_TS)


def test_the_digest_knows_whether_smap_is_on() -> None:
    regs = flat(CR0_PE, 0, CODE32)
    regs.cr4 = CR4_SMAP
    regs.update_hidden()
    assert regs._hflags & Hidden.SMAP
    regs.cr4 = 0
    regs.update_hidden()
    assert not regs._hflags & Hidden.SMAP


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    mode=st.sampled_from([(0, 0), (CR0_PE, 0), (CR0_PE | CR0_PG, EFER_LMA)]),
    more=st.integers(0, 7).map(lambda bits: bits << 1),  # MP, EM and TS
    attributes=st.lists(
        st.sampled_from([CODE16, CODE32, CODE64, CODE32 | 0x6000, CODE16 | 0x6000]),
        min_size=2,
        max_size=2,
    ),
    base=st.sampled_from([0, 0x1000]),
)
def test_unicorn_digests_the_same_registers_to_the_same_bits(
    oracle: Oracle, mode: tuple[int, int], more: int, attributes: list[int], base: int
) -> None:
    regs = Registers.from_buffer_copy(oracle.reset_image)
    regs.cr0, regs.efer = mode[0] | more, mode[1]
    regs.rflags = Flag.TF | Flag.IOPL
    for seg in Seg:
        regs.segs[seg].load(8, base, 0xFFFF, attributes[0] & 0x6000 | DATA32)
    code, stack = attributes
    regs.segs[Seg.CS].flags, regs.segs[Seg.SS].flags = code, stack
    regs.update_hidden()
    oracle.set_registers(bytes(regs))
    oracle.digest()
    # Unicorn adds flags that it takes from RFLAGS anyway, and in 64-bit code has no use for SS32.
    ignored = Hidden.TF | Hidden.IOPL | Hidden.VM
    ignored |= Hidden.CPL if not regs.cr0 & CR0_PE else 0
    assert oracle.regs._hflags & ~ignored == regs._hflags & ~ignored


def test_a_copy_is_independent_of_what_it_was_copied_from() -> None:
    regs = flat(CR0_PE, 0, CODE32)
    copy = Registers.from_buffer_copy(regs)
    copy.rip = 0x1234
    assert regs.rip == 0
    assert ctypes.sizeof(copy) == CONTEXT_BYTES
