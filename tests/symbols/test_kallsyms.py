"""kallsyms: tables as scripts/kallsyms.c lays them out, found in memory; damage finds nothing."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.symbols.kernel_tables import BASE, CODE, SYMBOLS, aligned, tables
from vectoros.symbols.kallsyms import Kallsyms, find

MEMORY = bytes(4096) + tables(SYMBOLS) + bytes(4096)


def found(memory: bytes) -> Kallsyms:
    kernel = find(memoryview(memory))
    assert kernel is not None
    return kernel


@pytest.mark.parametrize("before", [8, 4096, 12344])
@pytest.mark.parametrize("new", [False, True])
def test_every_symbol_of_a_kernel_is_found(before: int, new: bool) -> None:
    noise = random.Random(before).randbytes(before)
    kernel = found(noise + tables(SYMBOLS, new=new) + noise)
    assert len(kernel) == len(SYMBOLS)
    for name, address in SYMBOLS:
        assert kernel.address(name[1:]) == address
    assert str(kernel.find(CODE[5][1] + 3)) == "function_5+0x3/0x40"
    assert str(kernel.find(CODE[7][1])) == f"{'long' * 50}+0x0/0x40"


def test_offsets_need_not_be_signed() -> None:
    kernel = found(bytes(8) + tables(CODE, per_cpu=False))
    assert kernel.address("function_3") == CODE[3][1]


def test_of_two_names_for_one_address_the_first_counts() -> None:
    assert str(found(MEMORY).find(CODE[8][1] + 1)) == "function_8+0x1/0x80"


def test_what_lies_outside_has_no_name() -> None:
    kernel = found(MEMORY)
    assert kernel.find(BASE - 1) is None
    assert kernel.find(0x4000) is None  # a per-CPU variable's offset is no address
    assert kernel.find(BASE, 3) is None  # ring 3 runs no code of the kernel's
    assert kernel.find(CODE[-1][1] + (1 << 20)) is None
    assert kernel.find(1 << 64) is None
    assert str(kernel.find(CODE[-1][1] + 5)) == f"{CODE[-1][0][1:]}+0x5"


def test_the_true_tables_are_found_behind_something_like_them() -> None:
    digits = b"".join(b"%d\0" % digit for digit in range(10))
    assert len(found(aligned(digits * 9) + MEMORY)) == len(SYMBOLS)
    assert find(memoryview(digits * 9)) is None
    assert find(memoryview(b"")) is None


@given(st.binary(min_size=1, max_size=8), st.integers(0, len(MEMORY)))
def test_no_damage_breaks_the_reader(damage: bytes, at: int) -> None:
    memory = MEMORY[:at] + damage + MEMORY[at + len(damage) :]
    kernel = find(memoryview(memory))
    if kernel is not None:  # then it was where nobody looks, or in the text of a name
        assert len(kernel) == len(SYMBOLS)
        for address in (BASE - 1, BASE, BASE + 0x1234, (1 << 64) - 1):
            kernel.find(address)
        kernel.address("nobody")


@given(st.integers(0, len(MEMORY)))
def test_no_end_of_memory_breaks_the_reader(end: int) -> None:
    kernel = find(memoryview(MEMORY[:end]))
    assert (kernel is not None) == (end >= len(MEMORY) - 4096)
    find(memoryview(MEMORY[end:]))
