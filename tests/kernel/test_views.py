"""Views: a field is bytes in RAM, and only its own."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.kernel.plain_memory import PlainMemory
from vectoros.kernel import cnode
from vectoros.kernel.errors import Lookup, LookupFailure
from vectoros.kernel.memory import Ram
from vectoros.kernel.objects import Type
from vectoros.kernel.slot import Slot
from vectoros.kernel.views import Field, View


class Sample(View):
    """One field of each width."""

    byte = Field(0x1, "a byte", width=1)
    half = Field(0x6, "two bytes", width=2)
    word = Field(0xC, "four bytes", width=4)
    long = Field(0x10, "eight bytes")


@given(
    st.sampled_from(sorted(Sample.fields)),
    st.integers(0, 2**64 - 1),
    st.binary(min_size=24, max_size=24),
)
def test_a_field_is_its_bytes_and_changes_no_others(name: str, value: int, before: bytes) -> None:
    data = bytearray(8) + before
    field, view = Sample.fields[name], Sample(Ram(PlainMemory(data)), 8)
    setattr(view, name, value)
    at = 8 + field.offset
    stored = (value & (1 << 8 * field.width) - 1).to_bytes(field.width, "little")
    assert getattr(view, name) == int.from_bytes(stored, "little")
    assert data[at : at + field.width] == stored
    data[at : at + field.width] = before[at - 8 : at - 8 + field.width]
    assert data[8:] == before


def test_a_view_shows_its_fields() -> None:
    view = Sample(Ram(PlainMemory(bytearray(64))), 0x20)
    view.word = 7
    assert repr(view) == "<Sample at 0x20: byte=0x0 half=0x0 word=0x7 long=0x0>"


def test_what_is_written_beyond_memory_is_lost() -> None:
    memory = PlainMemory(bytearray(16))
    memory.write(12, b"abcdefgh")
    assert memory.data == bytes(12) + b"abcd"
    memory.write(100, b"x")
    assert len(memory.data) == 16


def tree(guard: int, guard_size: int, inner: Type) -> Ram:
    """Return RAM with a CNode of 4 slots, slot 2 of which is a CNode of 2, or ``inner``."""
    ram = Ram(PlainMemory(bytearray(0x1000)))
    root, second = Slot(ram, 0x100), Slot(ram, 0x200 + 2 * 64)
    root.fill(Type.CNODE, 0x200, bits=2, badge=guard)
    root.guard_size = guard_size
    second.fill(inner, 0x400, bits=1)
    second.guard_size = 64 - guard_size - 3
    return ram


def test_an_address_is_read_from_the_top_through_every_level() -> None:
    ram = tree(5, 10, Type.CNODE)
    address = 5 << 54 | 2 << 52
    assert cnode.resolve(ram.words, 0x100, address) == 0x400
    assert cnode.resolve(ram.words, 0x100, address | 1) == 0x440
    assert cnode.resolve(ram.words, 0x100, 5 << 54 | 3 << 52) == 0x200 + 3 * 64


def test_what_is_left_over_is_ignored_at_a_slot_that_is_no_cnode() -> None:
    ram = tree(5, 10, Type.ENDPOINT)
    assert cnode.resolve(ram.words, 0x100, 5 << 54 | 2 << 52 | 0x1234) == 0x280


def test_a_wrong_guard_says_what_was_there() -> None:
    ram = tree(5, 10, Type.CNODE)
    failure = LookupFailure(Lookup.GUARD_MISMATCH, (64, 5, 10))
    assert cnode.resolve(ram.words, 0x100, 4 << 54) == failure
    inner = LookupFailure(Lookup.GUARD_MISMATCH, (52, 0, 51))
    assert cnode.resolve(ram.words, 0x100, 5 << 54 | 2 << 52 | 2) == inner


def test_a_cnode_that_needs_more_bits_than_are_left_is_a_mismatch_of_depth() -> None:
    ram = tree(0, 62, Type.CNODE)
    Slot(ram, 0x100).bits = 3
    assert cnode.resolve(ram.words, 0x100, 0) == LookupFailure(Lookup.DEPTH_MISMATCH, (64, 65))


def test_a_root_that_is_no_cnode_is_an_invalid_root() -> None:
    ram = tree(0, 62, Type.CNODE)
    assert cnode.resolve(ram.words, 0x200, 0) == LookupFailure(Lookup.INVALID_ROOT)
