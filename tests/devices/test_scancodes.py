"""The table of keys: against codes as other books print them."""

from __future__ import annotations

import pytest

from vectoros.devices.scancodes import (
    KEY_NAMES,
    KEYS,
    TRANSLATION,
    scan_codes,
    translate,
)


def test_no_two_keys_share_a_name_a_number_or_a_code() -> None:
    assert [key.number for key in KEYS] == list(range(1, len(KEYS) + 1))
    assert len({key.name for key in KEYS}) == len(KEYS) == 105
    for scan_set in (1, 2, 3):
        assert len({scan_codes(key, True, scan_set) for key in KEYS}) == len(KEYS)


@pytest.mark.parametrize(
    ("name", "set_1", "set_2", "set_3"),
    [
        ("esc", "01", "76", "08"),
        ("1", "02", "16", "16"),
        ("backspace", "0e", "66", "66"),
        ("q", "10", "15", "15"),
        ("enter", "1c", "5a", "5a"),
        ("leftctrl", "1d", "14", "11"),
        ("leftshift", "2a", "12", "12"),
        ("backslash", "2b", "5d", "5c"),
        ("rightshift", "36", "59", "59"),
        ("kpasterisk", "37", "7c", "7e"),
        ("leftalt", "38", "11", "19"),
        ("space", "39", "29", "29"),
        ("capslock", "3a", "58", "14"),
        ("f1", "3b", "05", "07"),
        ("f7", "41", "83", "37"),
        ("f10", "44", "09", "4f"),
        ("numlock", "45", "77", "76"),
        ("scrolllock", "46", "7e", "5f"),
        ("kp7", "47", "6c", "6c"),
        ("kpdot", "53", "71", "71"),
        ("102nd", "56", "61", "13"),
        ("f11", "57", "78", "56"),
        ("f12", "58", "07", "5e"),
        ("kpenter", "e0 1c", "e0 5a", "79"),
        ("rightctrl", "e0 1d", "e0 14", "58"),
        ("kpslash", "e0 35", "e0 4a", "77"),
        ("sysrq", "e0 2a e0 37", "e0 12 e0 7c", "57"),
        ("rightalt", "e0 38", "e0 11", "39"),
        ("home", "e0 47", "e0 6c", "6e"),
        ("delete", "e0 53", "e0 71", "64"),
        ("leftmeta", "e0 5b", "e0 1f", "8b"),
        ("rightmeta", "e0 5c", "e0 27", "8c"),
        ("compose", "e0 5d", "e0 2f", "8d"),
        ("pause", "e1 1d 45 e1 9d c5", "e1 14 77 e1 f0 14 f0 77", "62"),
    ],
)
def test_make_codes(name: str, set_1: str, set_2: str, set_3: str) -> None:
    made = [scan_codes(KEY_NAMES[name], True, scan_set).hex(" ") for scan_set in (1, 2, 3)]
    assert made == [set_1, set_2, set_3]


@pytest.mark.parametrize(
    ("name", "set_1", "set_2", "set_3"),
    [
        ("a", "9e", "f0 1c", "f0 1c"),
        ("right", "e0 cd", "e0 f0 74", "f0 6a"),
        ("sysrq", "e0 b7 e0 aa", "e0 f0 7c e0 f0 12", "f0 57"),
        ("pause", "", "", "f0 62"),
    ],
)
def test_break_codes(name: str, set_1: str, set_2: str, set_3: str) -> None:
    made = [scan_codes(KEY_NAMES[name], False, scan_set).hex(" ") for scan_set in (1, 2, 3)]
    assert made == [set_1, set_2, set_3]


def test_the_typewriter_rows_count_up_in_set_1() -> None:
    rows = "esc 1 2 3 4 5 6 7 8 9 0 minus equal backspace tab q w e r t y u i o p leftbrace"
    codes = [scan_codes(KEY_NAMES[name], True, 1)[0] for name in rows.split()]
    assert codes == list(range(1, 0x1B))


def test_translation_is_one_to_one_below_80_and_leaves_answers_alone() -> None:
    assert len(set(TRANSLATION[:0x80])) == 0x80
    assert translate(b"\xfa\xaa\xfe\xee\xe0\xe1") == b"\xfa\xaa\xfe\xee\xe0\xe1"
    assert translate(b"\x83\x84\x00") == b"\x41\x54\xff"


def test_short_names_are_keys_too() -> None:
    assert KEY_NAMES["ctrl"] is KEY_NAMES["leftctrl"]
    assert KEY_NAMES["escape"] is KEY_NAMES["esc"]
