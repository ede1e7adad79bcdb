"""SYSCALL: the state it enters the kernel with, and when it is undefined."""

from __future__ import annotations

import pytest

from vectoros.cpu.bits import CR0_PE, CR0_PG, EFER_LMA, EFER_LME, EFER_SCE, Flag, Gpr, Seg
from vectoros.cpu.registers import Registers
from vectoros.cpu.syscall import enter_syscall

LSTAR = 0xFFFF_8000_0000_1000


@pytest.fixture
def regs() -> Registers:
    """A 64-bit program at ring 3, about to execute SYSCALL at 401000."""
    regs = Registers()
    regs.cr0 = CR0_PE | CR0_PG
    regs.efer = EFER_LME | EFER_LMA | EFER_SCE
    regs.star = 0x0013_0008 << 32
    regs.lstar, regs.cstar = LSTAR, 0xDEAD
    regs.fmask = Flag.IF | Flag.TF | Flag.DF
    regs.segs[Seg.CS].load(0x23, 0, 0xFFFF_FFFF, 0xA0FB00)
    regs.segs[Seg.SS].load(0x1B, 0, 0xFFFF_FFFF, 0xC0F300)
    regs.rflags = Flag.IF | Flag.DF | Flag.CF | Flag.RF
    regs.rip = 0x40_1000
    regs.gpr[Gpr.RSP] = 0x7000
    regs.update_hidden()
    return regs


def test_the_return_address_and_flags_are_saved_without_rf(regs: Registers) -> None:
    assert enter_syscall(regs)
    assert regs.gpr[Gpr.RCX] == 0x40_1002
    assert regs.gpr[Gpr.R11] == Flag.IF | Flag.DF | Flag.CF | 2


def test_the_kernel_is_entered_at_lstar_with_the_masked_flags_and_the_old_stack(
    regs: Registers,
) -> None:
    assert enter_syscall(regs)
    assert (regs.rip, regs.cpl, regs.code_bits) == (LSTAR, 0, 64)
    assert regs.rflags == Flag.CF | 2
    assert regs.gpr[Gpr.RSP] == 0x7000


def test_the_segments_are_those_of_star_whatever_the_gdt_says(regs: Registers) -> None:
    assert enter_syscall(regs)
    cs, ss = regs.segs[Seg.CS], regs.segs[Seg.SS]
    assert (cs.selector, cs.base, cs.limit, cs.flags) == (0x08, 0, 0xFFFF_FFFF, 0xA09B00)
    assert (ss.selector, ss.base, ss.limit, ss.flags) == (0x10, 0, 0xFFFF_FFFF, 0xC09300)


def test_a_requested_privilege_in_star_is_dropped(regs: Registers) -> None:
    regs.star = 0x0B << 32
    assert enter_syscall(regs)
    assert regs.segs[Seg.CS].selector == 0x08


def test_a_prefixed_instruction_returns_behind_itself(regs: Registers) -> None:
    assert enter_syscall(regs, 3)
    assert regs.gpr[Gpr.RCX] == 0x40_1003


def test_without_sce_it_is_undefined_and_changes_nothing(regs: Registers) -> None:
    regs.efer &= ~EFER_SCE
    before = bytes(regs)
    assert not enter_syscall(regs)
    assert bytes(regs) == before


@pytest.mark.parametrize("efer", [EFER_SCE, EFER_SCE | EFER_LME | EFER_LMA])
def test_outside_64_bit_mode_it_is_undefined(regs: Registers, efer: int) -> None:
    regs.efer = efer
    regs.segs[Seg.CS].flags = 0xC0FB00
    regs.update_hidden()
    assert not enter_syscall(regs)
