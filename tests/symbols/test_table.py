from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectoros.symbols.table import MAX_REACH, NONE, Name, Place, Table, Union

CODE = 0xFFFF_FFFF_8100_0000


def example(offset: int = 0) -> Table:
    return Table(
        [
            Name(CODE + 0x100, "panic", 0x40),
            Name(CODE, "start"),
            Name(CODE, "local_start", rank=1),
            Name(CODE + 0x200, "last", source="last.S:7"),
        ],
        "an example",
        offset=offset,
    )


@pytest.mark.parametrize(
    ("address", "place"),
    [
        (CODE - 1, None),
        (CODE, "start+0x0/0x100"),
        (CODE + 0xFF, "start+0xff/0x100"),
        (CODE + 0x13F, "panic+0x3f/0x40"),
        (CODE + 0x140, None),  # its size says that it ends there
        (CODE + 0x200, "last (last.S:7)"),
        (CODE + 0x201, "last+0x1 (last.S:7)"),
        (CODE + 0x200 + MAX_REACH - 1, "last+0xfffff (last.S:7)"),
        (CODE + 0x200 + MAX_REACH, None),
    ],
)
def test_an_address_belongs_to_the_symbol_before_it(address: int, place: str | None) -> None:
    found = example().find(address)
    assert (found and str(found)) == place


def test_a_name_has_an_address() -> None:
    assert example().address("panic") == CODE + 0x100
    assert example().address("nobody") is None


def test_all_of_a_table_can_be_moved() -> None:
    moved = example().moved(0x100_0000)
    assert moved.address("start") == CODE + 0x100_0000
    assert moved.find(CODE + 0x100_0101) == Place("panic", 1, 0x40)
    assert moved.find(CODE + 0x101) is None
    assert moved.moved(-0x100_0000).address("start") == CODE
    assert moved.source == "an example, moved by +0x1000000"


def test_names_for_ring_0_are_no_names_for_programs() -> None:
    table = Table([Name(0x1000, "kernel")], "map", any_ring=False)
    assert table.find(0x1000, 0) is not None
    assert table.find(0x1000, 3) is None
    assert example().find(CODE, 3) is not None


def test_the_first_source_that_knows_counts() -> None:
    both = Union([Table([Name(0x1000, "one", 16)], "a"), Table([Name(0x1000, "two", 32)], "b")])
    assert both.find(0x1008) == Place("one", 8, 16)
    assert both.find(0x1018) == Place("two", 0x18, 32)
    assert both.address("two") == 0x1000
    assert (len(both), both.source) == (2, "a; b")
    assert (NONE.find(0x1000), NONE.address("one"), len(NONE)) == (None, None, 0)


ROWS = st.builds(
    Name, st.integers(0, 1 << 20), st.sampled_from("abcdef"), st.just(0) | st.integers(1, 1 << 12)
)


@given(st.lists(ROWS, max_size=12), st.integers(0, 1 << 21))
def test_a_place_is_where_its_name_is(rows: list[Name], address: int) -> None:
    place = Table(rows, "any").find(address)
    before = [row.address for row in rows if row.address <= address]
    if place is None:
        return
    assert address - place.offset == max(before)
    assert place.offset < (place.size or MAX_REACH)
    assert place.name in {row.name for row in rows if row.address == max(before)}
