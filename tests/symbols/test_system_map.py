from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectoros.symbols.system_map import MapError, read

TEXT = """\
0000000000000000 D __per_cpu_start
0000000000000000 D fixed_percpu_data
0000000000014000 d cpu_tss_rw
0000000000034000 D __per_cpu_end
ffffffff81000000 T _text
ffffffff81000000 T startup_64
ffffffff81000180 t verify_cpu
ffffffff82000000 A absolute
ffffffff82000010 D init_task
                 U nothing
"""
ROWS = TEXT.rpartition("                 U")[0]


def test_every_address_has_its_name() -> None:
    names = {name.name: name.address for name in read(ROWS)}
    assert names == {
        "_text": 0xFFFF_FFFF_8100_0000,
        "startup_64": 0xFFFF_FFFF_8100_0000,
        "verify_cpu": 0xFFFF_FFFF_8100_0180,
        "init_task": 0xFFFF_FFFF_8200_0010,
    }


def test_a_global_name_goes_before_a_local_one() -> None:
    ranks = {name.name: name.rank for name in read(ROWS)}
    assert ranks["_text"] < ranks["verify_cpu"]


def test_a_32_bit_kernel_has_short_addresses() -> None:
    (name,) = read("c1000000 T _stext\n")
    assert name.address == 0xC100_0000


def test_proc_kallsyms_will_do_as_well() -> None:
    names = read("ffffffffc0000000 t helper\t[module]\nffffffff81000000 T _text\n")
    assert [name.name for name in names] == ["helper", "_text"]


def test_debians_note_is_refused_with_the_package_that_has_the_file() -> None:
    note = "ffffffffffffffff B The real System.map is in the linux-image-<version>-dbg package\n"
    with pytest.raises(MapError) as caught:
        read(note)
    assert str(caught.value) == (
        "is only a note: the symbols are in Debian's package linux-image-<version>-dbg"
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "has no symbol"),
        ("0000000000000000 A nothing\n", "has no symbol"),
        ("hello\n", "line 1 is no row of a System.map: 'hello'"),
        (TEXT, "line 10 is no row of a System.map: '                 U nothing'"),
    ],
)
def test_anything_else_is_refused(text: str, why: str) -> None:
    with pytest.raises(MapError) as caught:
        read(text)
    assert str(caught.value) == why


@given(st.text(alphabet="0123456789abcdef TtdA_\n[]", max_size=200))
def test_no_text_breaks_the_reader(text: str) -> None:
    with suppress(MapError):
        assert read(text)
