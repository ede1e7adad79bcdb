"""Port permissions: modes, IOPL, and the bitmap to its last bit."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectoros.cpu.bits import CR0_PE, CR0_PG, Flag
from vectoros.cpu.ioperm import port_access_allowed
from vectoros.cpu.registers import Registers
from vectoros.memory import Memory

TSS, MAP = 0x4000, 0x68


def program(
    cpl: int = 3, flags: int = 0, *, bitmap: bytes = bytes(8193), kind: int = 0x8900
) -> tuple[Registers, Memory]:
    """Return a program of privilege ``cpl``, and a TSS that ends behind ``bitmap``."""
    regs, memory = Registers(), Memory(1 << 20)
    regs._a20_mask = -1
    regs._cc_op = 1
    regs.cr0 = CR0_PE
    regs.rflags = flags
    regs._hflags = cpl
    regs.tr.load(0x28, TSS, MAP + len(bitmap) - 1, kind)
    memory.write(TSS + 0x66, struct.pack("<H", MAP))
    memory.write(TSS + MAP, bitmap)
    return regs, memory


CLOSED = b"\xff" * 8193


def test_in_real_mode_every_port_is_open() -> None:
    regs, memory = program(bitmap=CLOSED)
    regs.cr0 = 0
    assert port_access_allowed(regs, memory, 0x3F8, 1)


@pytest.mark.parametrize("cpl", range(4))
@pytest.mark.parametrize("iopl", range(4))
def test_privilege_up_to_iopl_needs_no_bitmap(cpl: int, iopl: int) -> None:
    regs, memory = program(cpl, iopl << 12, bitmap=CLOSED)
    assert port_access_allowed(regs, memory, 0x3F8, 1) == (cpl <= iopl)


def test_in_virtual_8086_mode_iopl_opens_nothing() -> None:
    regs, memory = program(3, Flag.VM | 3 << 12, bitmap=CLOSED)
    assert not port_access_allowed(regs, memory, 0x3F8, 1)
    memory.write(TSS + MAP, bytes(8193))
    assert port_access_allowed(regs, memory, 0x3F8, 1)


@given(closed=st.integers(0, 63), port=st.integers(0, 56), width=st.sampled_from([1, 2, 4]))
def test_each_of_the_ports_touched_needs_its_bit_clear(closed: int, port: int, width: int) -> None:
    bitmap = (1 << closed).to_bytes(8, "little") + b"\xff"
    regs, memory = program(bitmap=bitmap)
    assert port_access_allowed(regs, memory, port, width) == (not port <= closed < port + width)


def test_ports_beyond_the_limit_are_closed_and_two_bytes_are_always_read() -> None:
    regs, memory = program(bitmap=bytes(3))
    assert port_access_allowed(regs, memory, 15, 1)
    assert not port_access_allowed(regs, memory, 16, 1)
    assert not port_access_allowed(regs, memory, 0xFFFF, 1)


def test_the_last_port_is_open_if_the_bitmap_ends_with_a_byte_more() -> None:
    regs, memory = program()
    assert port_access_allowed(regs, memory, 0xFFFF, 1)


@pytest.mark.parametrize("kind", [0, 0x0900, 0x8100, 0x8300, 0x8200])
def test_without_a_present_32_or_64_bit_tss_every_port_is_closed(kind: int) -> None:
    assert not port_access_allowed(*program(kind=kind), 0x3F8, 1)


def test_a_busy_tss_counts() -> None:
    assert port_access_allowed(*program(kind=0x8B00), 0x3F8, 1)


def test_a_tss_that_ends_before_its_bitmaps_offset_closes_every_port() -> None:
    regs, memory = program()
    regs.tr.limit = 0x66
    assert not port_access_allowed(regs, memory, 0, 1)


def test_a_bitmap_that_is_not_mapped_closes_the_port_and_leaves_no_mark() -> None:
    regs, memory = program()
    regs.cr0 |= CR0_PG
    regs.cr3 = 0x10000
    before = memory.read(0, 1 << 20)
    assert not port_access_allowed(regs, memory, 0x3F8, 1)
    assert memory.read(0, 1 << 20) == before
