"""A kernel's setup header is anybody's: it is sound, or one sentence says what is not."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.boot.kernels import FIELDS, INIT_SIZE, LOAD_ADDRESS, bzimage
from vectoros.boot.linux_header import HEADER_END, is_linux, read_header
from vectoros.errors import BadFileError
from vectoros.units import MIB


def test_a_sound_header_is_read() -> None:
    header = read_header(bzimage(), "k")
    assert header.version == 0x20F
    assert header.pref_address == LOAD_ADDRESS
    assert header.init_size == INIT_SIZE
    assert header.cmdline_size == 255
    assert header.initrd_addr_max == 0x7FFF_FFFF
    assert len(header.raw) == HEADER_END - 0x1F1
    assert len(header.kernel) % 16 == 0


def test_the_kernel_is_what_syssize_says_and_a_signature_behind_it_is_not_loaded() -> None:
    data = bzimage()
    assert bytes(read_header(data + b"signature", "k").kernel) == data[1024:]


def test_no_setup_sectors_means_four() -> None:
    data = bzimage(setup_sects=0)
    moved = data[:1024] + bytes(3 * 512) + data[1024:]
    assert bytes(read_header(moved, "k").kernel) == data[1024:]


def test_a_kernel_that_cannot_be_moved_may_be_anywhere_above_1_mib() -> None:
    data = bzimage(relocatable_kernel=0, kernel_alignment=0, pref_address=MIB + 4096)
    assert read_header(data, "k").pref_address == MIB + 4096


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"boot_flag": 0x55AA}, "is no Linux kernel: boot_flag is 0x55aa, not 0xaa55"),
        ({"header": b"HdrX"}, "is no Linux kernel: it has 48 64 72 58 at 0x202, not HdrS"),
        ({"version": 0x20B}, "has boot protocol 2.11; 2.12 or later is needed"),
        ({"jump": 0x10EB}, "has a setup header that ends at 0x212, before init_size"),
        ({"loadflags": 0xFE}, "is a zImage, to be loaded low: loadflags has no LOADED_HIGH"),
        ({"xloadflags": 0xFFFE}, "has no 64-bit entry point: xloadflags has no XLF_KERNEL_64"),
        ({"syssize": 0}, "has no kernel: syssize is 0"),
        ({"syssize": 0xFFF}, r"is cut short: syssize says 65520 bytes, \d+ are there"),
        ({"setup_sects": 255}, r"is cut short: syssize says \d+ bytes, 0 are there"),
        (
            {"pref_address": 0x10_0000 - 4096},
            "is to be loaded at 0xff000: pref_address must be a page above 1 MiB",
        ),
        (
            {"pref_address": LOAD_ADDRESS + 1},
            "is to be loaded at 0x200001: pref_address must be a page above 1 MiB",
        ),
        (
            {"kernel_alignment": 0x30_0000},
            "has kernel_alignment 0x300000, which is no power of two",
        ),
        ({"kernel_alignment": 0}, "has kernel_alignment 0x0, which is no power of two"),
        (
            {"kernel_alignment": 1 << 24},
            "has pref_address 0x200000, no multiple of kernel_alignment 0x1000000",
        ),
        ({"init_size": 16}, r"has init_size 16, and the kernel alone has \d+ bytes"),
        (
            {"initrd_addr_max": 4096},
            "leaves no room for an initrd: initrd_addr_max is 0x1000",
        ),
    ],
)
def test_each_rule_that_is_broken_is_one_sentence(changed: dict[str, Any], rule: str) -> None:
    with pytest.raises(BadFileError, match=rf"^some/kernel: {rule}$"):
        read_header(bzimage(**changed), "some/kernel")


@pytest.mark.parametrize("size", [0, 1, 0x202, 0x206, HEADER_END - 1])
def test_a_file_shorter_than_a_header_is_cut_short(size: int) -> None:
    sentence = f"k: is cut short: {size} bytes, and its header ends at 0x264"
    with pytest.raises(BadFileError, match=f"^{re.escape(sentence)}$"):
        read_header(bzimage()[:size], "k")


def test_a_kernel_is_known_by_its_magic_number() -> None:
    assert is_linux(bzimage())
    assert not is_linux(bzimage(header=b"HdrX"))
    assert not is_linux(b"")


def read_or_refuse(data: bytes) -> None:
    with suppress(BadFileError):
        header = read_header(data, "k")
        assert 0 < len(header.kernel) <= header.init_size
        assert header.pref_address >= MIB


@given(st.binary(max_size=1200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    read_or_refuse(data)


@given(st.dictionaries(st.integers(0x1F0, HEADER_END + 1), st.integers(0, 255), max_size=6))
def test_a_sound_header_with_bytes_changed_is_read_or_refused(changes: dict[int, int]) -> None:
    data = bytearray(bzimage())
    for offset, value in changes.items():
        data[offset] = value
    read_or_refuse(bytes(data))


@given(st.data())
def test_a_field_with_any_value_is_read_or_refused(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(set(FIELDS) - {"header"})))
    bits = 8 * {"B": 1, "H": 2, "I": 4, "Q": 8}[FIELDS[name][1]]
    value = data.draw(st.integers(0, (1 << bits) - 1))
    changed: dict[str, Any] = {name: value}
    read_or_refuse(bzimage(**changed))
