"""The US layout, both ways."""

from __future__ import annotations

import string

from vectoros.devices.scancodes import KEY_NAMES, scan_codes
from vectoros.devices.us_layout import CHARACTERS, LAYOUT, ascii_tables


def test_every_printable_character_of_ascii_is_on_a_key() -> None:
    printable = set(string.ascii_letters + string.digits + string.punctuation + " \t\n")
    assert printable | {"\b", "\x1b"} == set(CHARACTERS)


def test_shift_is_used_where_it_must_be_and_nowhere_else() -> None:
    assert CHARACTERS["a"] == (KEY_NAMES["a"], False)
    assert CHARACTERS["A"] == (KEY_NAMES["a"], True)
    assert CHARACTERS["?"] == (KEY_NAMES["slash"], True)
    assert CHARACTERS[" "] == (KEY_NAMES["space"], False)
    assert CHARACTERS["\n"] == (KEY_NAMES["enter"], False)


def test_the_tables_for_guests_say_the_same_as_the_layout() -> None:
    tables = ascii_tables()
    assert [len(table) for table in tables] == [128, 128]
    for character, (key, shifted) in CHARACTERS.items():
        assert tables[shifted][scan_codes(key, True, 1)[0]] == ord(character)
    assert sum(map(bool, tables[0])) == len(LAYOUT)
