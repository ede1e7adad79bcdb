"""From source to plain statements."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectoros.assembly_source import AssemblyError, Reader, Source, Statement
from vectoros.errors import BadFileError


def read(*texts: str, bits: int = 64, **constants: int) -> list[Statement]:
    return Reader(constants, bits).read(
        [Source(f"{index}.S", text) for index, text in enumerate(texts)]
    )


def bodies(*texts: str, bits: int = 64, **constants: int) -> list[str]:
    return [statement.body for statement in read(*texts, bits=bits, **constants)]


def test_blank_lines_and_comments_make_no_statement() -> None:
    assert bodies("\n  # nothing\n nop # idle\n\n") == ["nop"]


def test_labels_belong_to_the_statement_on_their_line() -> None:
    first, second = read("start: again: nop\nend:")
    assert (first.labels, first.body) == (("start", "again"), "nop")
    assert (second.labels, second.body) == (("end",), "")


def test_a_set_counts_from_its_line_on_and_may_use_what_is_before() -> None:
    assert bodies("mov eax, A\n.set A, B * 2\nmov eax, A", B=3) == ["mov eax, A", "mov eax, 0x6"]


def test_a_set_and_a_macro_of_one_source_serve_the_next() -> None:
    assert bodies(".set A, 5\n.macro two\nnop\nnop\n.endm", "two\nmov al, A") == [
        "nop",
        "nop",
        "mov al, 0x5",
    ]


def test_a_macro_takes_arguments_and_numbers_its_expansions() -> None:
    text = ".macro wait port, bit\nx\\@: in al, \\port\ntest al, \\bit\njz x\\@\n.endm\n"
    found = read(text + "wait 5, 1\nwait 6, BIT", BIT=2)
    assert [statement.labels for statement in found if statement.labels] == [("x1",), ("x2",)]
    assert [statement.body for statement in found][3:] == ["in al, 0x6", "test al, 0x2", "jz x2"]
    assert found[3].line.number == 7  # where it is used, not where it is defined


def test_a_label_before_a_macro_is_where_the_expansion_starts() -> None:
    found = read(".macro two\nnop\nnop\n.endm\nstart: two")
    assert [(statement.labels, statement.body) for statement in found] == [
        (("start",), ""),
        ((), "nop"),
        ((), "nop"),
    ]


def test_code_size_and_section_are_noted_on_each_statement() -> None:
    found = read(".code16\nnop\n.section data\n.code64\nnop\n.section text\nnop", bits=32)
    assert [(s.bits, s.section) for s in found] == [(16, "text"), (64, "data"), (64, "text")]


def test_strings_become_bytes() -> None:
    assert bodies('.ascii "a\\r", "b"\n.asciz "c"\n.ascii ""') == [
        ".byte 0x61, 0xd, 0x62",
        ".byte 0x63, 0x0",
        "",
    ]


def test_sizes_are_computed_here() -> None:
    assert bodies(".zero 2 * PAGE\n.balign 1 << 4", PAGE=4096) == [".zero 0x2000", ".balign 0x10"]


def test_labels_may_stand_in_data() -> None:
    assert bodies(".quad start, start + 8\n.word end - start") == [
        ".quad start, start + 0x8",
        ".word end - start",
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("nop ; nop", "a line holds one statement, and a comment starts with #"),
        ("mov eax, -label", "keystone takes a negated label for an address"),
        ("mov rax, [~label]", "keystone takes a negated label for an address"),
        ("iret", "keystone encodes a 16-bit return here; write iretq"),
        (
            "mov rcx, [0x93000]",
            "keystone encodes an absolute address as one relative to rip; "
            "use a base register or [rip + label]",
        ),
        (
            "mov rcx, gs:[8]",
            "keystone encodes an absolute address as one relative to rip; "
            "use a base register or [rip + label]",
        ),
        ("rep )", "its brackets do not match"),
        ("push 5 ]", "its brackets do not match"),
        ("mov eax, [rbx)", "its brackets do not match"),
        ("+ push", "a statement starts with a word"),
        ("rep << 1", "a statement starts with a word"),
        (".byte *", "'*' is not an expression"),
        (".quad label + *", "'label + *' is not an expression"),
        (".byte 256", "0x100 does not fit in 8 bits"),
        (".byte 1, -129", "-0x81 does not fit in 8 bits"),
        (".word 1 << 16", "0x10000 does not fit in 16 bits"),
        ("mov eax, 10h", "10h is not a number"),
        (".quad label + 99999999999999999999", "0x56bc75e2d630fffff does not fit in 64 bits"),
        (".asciz hello", "this directive takes strings in double quotes"),
        (".zero end - start", "end is not a constant"),
        (".set 5, 5", ".set needs a name"),
        (".set A", "'' is not an expression"),
        (".set A, B", "B is not a constant"),
        (".macro", ".macro needs a name"),
        (".section", ".section needs a name"),
        (".macro m a\n.endm\nm", "m takes 1 arguments, not 0"),
        (".macro m\nm\n.endm\nm", "m expands without end"),
        ("LIMIT: nop", "LIMIT is a constant and cannot be a label"),
        ("a: nop\na: nop", "a is already at 0.S line 1"),
        (".macro m\nnop", "the file ends inside a .macro"),
    ],
)
def test_each_thing_that_is_refused_is_refused_by_name(text: str, why: str) -> None:
    lines = text.splitlines()
    with pytest.raises(AssemblyError) as caught:
        read(text, LIMIT=1)
    assert str(caught.value) == f"0.S: line {len(lines)}: {why}: {lines[-1].strip()}"
    assert caught.value.line == len(lines)
    assert isinstance(caught.value, BadFileError)


def test_an_unknown_directive_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(AssemblyError, match=r"^0\.S: line 1: \.org is not one of \.set .*: \.org"):
        read(".org 510")


def test_absolute_addresses_are_refused_in_64_bit_code_only() -> None:
    assert bodies("mov ecx, [0x9000]\niret", bits=32) == ["mov ecx, [0x9000]", "iret"]
    assert bodies("mov rcx, [rip + label]\nmov rcx, [r9 + 8]\nmov al, [esi]") != []


@given(st.text("nop:#.'\"\\,;[] ax1\n", max_size=60))
def test_no_text_makes_the_reader_fail_in_any_other_way(text: str) -> None:
    with suppress(AssemblyError):
        assert all(isinstance(statement, Statement) for statement in read(text))
