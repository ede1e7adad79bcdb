"""Descriptors and gates: what the bits mean, and that encoding takes nothing away."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectoros.cpu.bits import DESC_G, EFER_LMA, VISIBLE_ATTRIBUTES
from vectoros.cpu.descriptors import (
    Descriptor,
    Gate,
    SystemType,
    is_null,
    read_descriptor,
    read_gate,
    selector_error,
)
from vectoros.cpu.registers import Registers
from vectoros.memory import Memory

GDT, LDT, IDT = 0x1000, 0x2000, 0x3000


@pytest.fixture
def regs() -> Registers:
    regs = Registers()
    regs._a20_mask = -1
    regs.gdtr.load(0, GDT, 0x27, 0)
    regs.ldtr.load(0x28, LDT, 0x0F, 0x8200)
    regs.idtr.load(0, IDT, 0x7F, 0)
    return regs


def test_a_flat_64_bit_code_segment_decodes_as_such() -> None:
    code = Descriptor.decode(struct.pack("<Q", 0x00AF_9B00_0000_FFFF))
    assert (code.base, code.limit, code.attributes) == (0, 0xFFFF_FFFF, 0xA09B00)
    assert code.is_code
    assert code.is_64_bit_code
    assert code.present
    assert not code.is_conforming
    assert not code.is_writable_data


def test_the_base_is_gathered_from_its_three_places() -> None:
    data = Descriptor.decode(struct.pack("<Q", 0x1240_F234_5678_9ABC))
    assert (data.base, data.limit, data.dpl) == (0x1234_5678, 0x9ABC, 3)


def test_a_long_mode_tss_descriptor_has_a_64_bit_base() -> None:
    tss = Descriptor(0xFFFF_8000_1234_5678, 0x67, 0x8900)
    data = tss.encode(16)
    assert len(data) == 16
    assert Descriptor.decode(data) == tss
    assert tss.type == SystemType.TSS_AVAILABLE
    assert not tss.is_segment


@pytest.mark.parametrize(
    ("attributes", "code", "conforming", "readable", "writable"),
    [
        (0x9800, True, False, False, False),
        (0x9A00, True, False, True, False),
        (0x9E00, True, True, True, False),
        (0x9000, False, False, True, False),
        (0x9200, False, False, True, True),
        (0x9600, False, False, True, True),
        (0x8200, False, False, False, False),
        (0x8E00, False, False, False, False),
    ],
)
def test_segment_types_grant_what_the_sdm_says(
    attributes: int, code: bool, conforming: bool, readable: bool, writable: bool
) -> None:
    found = Descriptor(0, 0, attributes)
    assert (found.is_code, found.is_conforming) == (code, conforming)
    assert (found.is_readable, found.is_writable_data) == (readable, writable)


def test_code_with_both_l_and_d_is_not_64_bit_code() -> None:
    assert not Descriptor(0, 0, 0xE09A00).is_64_bit_code
    assert not Descriptor(0, 0, 0xA09200).is_64_bit_code


@given(data=st.binary(min_size=8, max_size=8))
def test_any_descriptor_survives_decoding_and_encoding(data: bytes) -> None:
    found = Descriptor.decode(data)
    assert found.encode() == data
    if found.attributes & DESC_G:
        assert found.limit & 0xFFF == 0xFFF


@given(
    base=st.integers(0, 2**64 - 1),
    pages=st.integers(0, 2**20 - 1),
    attributes=st.integers(0, 2**32 - 1),
)
def test_any_long_descriptor_survives_encoding_and_decoding(
    base: int, pages: int, attributes: int
) -> None:
    limit = pages << 12 | 0xFFF if attributes & DESC_G else pages
    descriptor = Descriptor(base, limit, attributes & VISIBLE_ATTRIBUTES)
    assert Descriptor.decode(descriptor.encode(16)) == descriptor


def test_a_long_mode_gate_decodes_with_its_stack() -> None:
    data = struct.pack("<IIII", 0x0008_5678, 0x1234_EE03, 0xFFFF_8000, 0)
    gate = Gate.decode(data)
    assert gate == Gate(8, 0xFFFF_8000_1234_5678, SystemType.INTERRUPT_GATE, 3, True, ist=3)
    assert gate.is_interrupt_gate
    assert not gate.is_16_bit
    assert gate.encode(16) == data


@given(
    selector=st.integers(0, 0xFFFF),
    offset=st.integers(0, 2**64 - 1),
    kind=st.integers(0, 31),
    dpl=st.integers(0, 3),
    present=st.booleans(),
    ist=st.integers(0, 7),
)
def test_any_gate_survives_encoding_and_decoding(
    selector: int, offset: int, kind: int, dpl: int, present: bool, ist: int
) -> None:
    gate = Gate(selector, offset, kind, dpl, present, ist)
    assert Gate.decode(gate.encode(16)) == gate
    short = Gate(selector, offset & 0xFFFF_FFFF, kind, dpl, present)
    assert Gate.decode(short.encode()) == short


def test_a_protected_mode_gate_has_no_stack_number() -> None:
    assert Gate.decode(struct.pack("<II", 0x0008_5678, 0x1234_8E03)).ist == 0


def test_a_selector_names_an_entry_of_the_gdt_or_the_ldt(regs: Registers) -> None:
    memory = Memory(1 << 20)
    memory.write(GDT + 0x20, Descriptor(0x111, 0, 0x9300).encode())
    memory.write(LDT + 0x08, Descriptor(0x222, 0, 0x9300).encode())
    found = [read_descriptor(regs, memory, selector) for selector in (0x20, 0x23, 0x0C, 0x0F)]
    assert [descriptor and descriptor.base for descriptor in found] == [0x111, 0x111, 0x222, 0x222]


def test_a_selector_beyond_its_table_names_nothing(regs: Registers) -> None:
    memory = Memory(1 << 20)
    regs.gdtr.limit = 0x26
    assert read_descriptor(regs, memory, 0x20) is None
    assert read_descriptor(regs, memory, 0x18) is not None
    assert read_descriptor(regs, memory, 0x14) is None


@pytest.mark.parametrize(("efer", "last"), [(0, 15), (EFER_LMA, 7)])
def test_the_idt_ends_at_its_limit(regs: Registers, efer: int, last: int) -> None:
    memory = Memory(1 << 20)
    regs.efer = efer
    assert read_gate(regs, memory, last) is not None
    assert read_gate(regs, memory, last + 1) is None
    regs.idtr.limit -= 1
    assert read_gate(regs, memory, last) is None


def test_selectors_in_error_codes_have_no_rpl() -> None:
    assert selector_error(0x1B) == 0x18
    assert selector_error(0x1F) == 0x1C
    assert is_null(3)
    assert not is_null(4)
