"""The words of assembly source."""

from __future__ import annotations

import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectoros.assembly_words import (
    balanced,
    evaluate,
    strings,
    unescape,
    with_numbers,
    without_comment,
)

NUMBERS = st.integers(0, 1 << 40)


def test_a_comment_ends_the_line_but_not_inside_quotes() -> None:
    assert without_comment("  mov al, 1  # one") == "mov al, 1"
    assert without_comment("nop // idle") == "nop"
    assert without_comment("cmp al, '#'  # hash") == "cmp al, '#'"
    assert without_comment('.asciz "a # b // c"') == '.asciz "a # b // c"'


def test_constants_and_characters_become_numbers() -> None:
    names = {"SIZE": 8, "MINUS": -4}
    assert with_numbers("mov rax, [rbx + SIZE*2]", names) == "mov rax, [rbx + 0x8*0x2]"
    assert with_numbers("add rsp, MINUS", names) == "add rsp, (-0x4)"
    assert with_numbers("cmp al, '\\r'", names) == "cmp al, 0xd"
    assert with_numbers("cmp al, ' '", names) == "cmp al, 0x20"


def test_a_name_is_replaced_whole_or_not_at_all() -> None:
    names = {"SIZE": 8, "x1F": 9}
    assert with_numbers("SIZES SIZE.x _SIZE 0x1F", names) == "SIZES SIZE.x _SIZE 0x1f"
    assert with_numbers('"SIZE"', names) == '"SIZE"'


def test_numbers_of_every_radix_become_hexadecimal() -> None:
    text = "mov eax, [rbx + 8*rcx + 10 + 0b11 + 0X1F + 0 + 1_000] .L5 st(1) $5"
    same = "mov eax, [rbx + 0x8*rcx + 0xa + 0x3 + 0x1f + 0x0 + 0x3e8] .L5 st(0x1) $0x5"
    assert with_numbers(text, {}) == same


@given(st.text("$.,:+-*%@_ 0189abfhxe", max_size=40))
def test_no_text_keeps_a_number_that_is_not_hexadecimal(text: str) -> None:
    with suppress(ValueError):
        plain = with_numbers(text, {})
        # As AsmLexer has it: a digit within a name or a fraction begins no number.
        starts = re.findall(r"[A-Za-z_.][\w.$@?]*|(0x[0-9a-f]+|[0-9])", plain)
        assert all(start.startswith("0x") for start in starts if start), plain


def test_strings_know_the_escapes_of_c() -> None:
    assert unescape(r'"a\r\n\t\b\0\\\"\'"') == b"a\r\n\t\b\0\\\"'"
    assert strings(' "one", "two" ', b"\0") == b"one\0two\0"
    assert strings('"é"', b"") == "é".encode()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (r'"\x41"', r"\x is not an escape"),
        ("hello", "this directive takes strings in double quotes"),
        ('"a" "b"', "this directive takes strings in double quotes"),
        ('"a",', "this directive takes strings in double quotes"),
    ],
)
def test_text_that_is_no_string_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        strings(text, b"")
    assert str(caught.value) == why


def test_brackets_match_in_kind_and_order() -> None:
    assert all(balanced(text) for text in ("", "a", "[a + (b)]", "()[]([])"))
    assert not any(balanced(text) for text in ("(", "]", "[(])", ")(", "[[]"))


@given(NUMBERS, NUMBERS, st.integers(0, 20), st.sampled_from(["+", "-", "*", "|", "&", "^"]))
def test_expressions_have_the_values_of_c(a: int, b: int, shift: int, operator: str) -> None:
    text = f"({a:#x} {operator} B << {shift}) + ~{a}"
    assert evaluate(text, {"B": b}) == eval(text, {"B": b})


def test_division_is_of_whole_numbers() -> None:
    assert evaluate("(1193182 + 100 / 2) / 100", {}) == 11932
    assert evaluate("7 % 4", {}) == 3


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("", "'' is not an expression"),
        ("1 +", "'1 +' is not an expression"),
        ("1 / 0", "'1 / 0' is not an expression"),
        ("MISSING + 1", "MISSING is not a constant"),
        ("f(1)", "'f(1)' is not an expression of numbers"),
        ("1.5", "'1.5' is not an expression"),
        ("10h", "10h is not a number"),
        ("017", "017 is not a number"),
        ("0x1_0000_0000_0000_0000", "0x10000000000000000 does not fit in 64 bits"),
        ("2 ** 9", "'2 ** 9' is not an expression of numbers"),
        ("1 << 64", "a shift is by 0 to 63 bits, not 64"),
        ("1 << -1", "a shift is by 0 to 63 bits, not -1"),
        ("(" * 300 + "1" + ")" * 300, None),
    ],
)
def test_what_has_no_value_is_refused_with_the_reason(expression: str, why: str | None) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        evaluate(expression, {})
    assert why is None or str(caught.value) == why


@given(st.text(max_size=40))
def test_no_text_makes_the_evaluator_fail_in_any_other_way(text: str) -> None:
    with suppress(ValueError):
        assert isinstance(evaluate(text, {"A": 1}), int)
