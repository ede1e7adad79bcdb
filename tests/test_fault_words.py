"""Exceptions in words."""

from __future__ import annotations

import pytest

from vectoros.cpu.faults import Vector
from vectoros.fault_words import MEANINGS, error_words, vector_name


def test_every_exception_has_a_meaning() -> None:
    assert set(MEANINGS) == set(Vector)


@pytest.mark.parametrize(
    ("vector", "name"), [(0, "#DE"), (14, "#PF"), (9, "INT 0x09"), (0x80, "INT 0x80")]
)
def test_a_vector_has_the_manuals_name(vector: int, name: str) -> None:
    assert vector_name(vector) == name


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0x00, "supervisor read, page not present"),
        (0x02, "supervisor write, page not present"),
        (0x05, "user read, page present: not allowed"),
        (0x07, "user write, page present: not allowed"),
        (0x14, "user fetch, page not present"),
        (0x15, "user fetch, page present: not allowed"),
        (0x0B, "supervisor write, a reserved bit is set in a paging entry"),
    ],
)
def test_a_page_fault_says_who_did_what(code: int, words: str) -> None:
    assert error_words(Vector.PF, code) == words


@pytest.mark.parametrize(
    ("code", "long_mode", "words"),
    [
        (0, True, "no selector"),
        (1, True, "no selector"),
        (0x28, True, "GDT selector 0x28"),
        (0x2C, True, "LDT selector 0x28"),
        (0xE2, True, "IDT entry 14"),
        (0x72, False, "IDT entry 14"),
    ],
)
def test_a_selector_is_named_with_its_table(code: int, long_mode: bool, words: str) -> None:
    assert error_words(Vector.GP, code, long_mode=long_mode) == words


@pytest.mark.parametrize("vector", [Vector.UD, Vector.DE, Vector.DF, Vector.AC, 0x80])
def test_others_say_nothing(vector: int) -> None:
    assert error_words(vector, 0) == ""
