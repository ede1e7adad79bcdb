from __future__ import annotations

from vectoros.font import FILE, TEXT, glyphs


def drawn(number: int) -> list[str]:
    return ["".join(".#"[dot] for dot in line) for line in glyphs()[number].tolist()]


def test_the_file_has_each_character_once_in_order() -> None:
    rows = [row for row in FILE.read_text(encoding="ascii").splitlines() if not row.startswith("#")]
    assert [row[:3] for row in rows] == [f"{number:02X}:" for number in range(256)]
    assert {len(row) for row in rows} == {3 + 32}


def test_the_file_says_where_it_is_from_and_what_one_may_do_with_it() -> None:
    head = "\n".join(r for r in FILE.read_text(encoding="ascii").splitlines() if r.startswith("#"))
    assert "GNU Unifont 15.0.01" in head
    assert "GNU GPL version 2 or later with the GNU font embedding exception" in head


def test_a_character_looks_like_itself() -> None:
    assert drawn(ord("A"))[4:14] == [
        "...##...", "..#..#..", "..#..#..", ".#....#.", ".#....#.",
        ".######.", ".#....#.", ".#....#.", ".#....#.", ".#....#.",
    ]  # fmt: skip


def test_blocks_fill_their_cells_and_spaces_are_empty() -> None:
    assert drawn(0xDB) == ["########"] * 16
    assert drawn(0xDF) == ["########"] * 8 + ["........"] * 8
    for number in (0x00, 0x20, 0xFF):
        assert drawn(number) == ["........"] * 16


def test_lines_of_boxes_meet_their_neighbours() -> None:
    assert all(line[7] == line[0] for line in drawn(0xCD))
    assert drawn(0xBA)[0] == drawn(0xBA)[15]
    assert drawn(0xC9)[15] == drawn(0xBA)[0]


def test_characters_are_those_of_code_page_437() -> None:
    assert len(TEXT) == 256
    assert TEXT[0x20:0x7F].encode("ascii") == bytes(range(0x20, 0x7F))
    assert (TEXT[0], TEXT[1], TEXT[0x7F], TEXT[0xC9], TEXT[0xE1], TEXT[0xFF]) == tuple(" ☺⌂╔ß ")
    assert TEXT.isprintable()
