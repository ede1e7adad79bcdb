from __future__ import annotations

from vectoros.explain.narrator import Narrator
from vectoros.explain.notes import NOTES
from vectoros.explain.watcher import Event
from vectoros.symbol_map import Symbol
from vectoros.units import TICKS_PER_NS

MS = 1_000_000 * TICKS_PER_NS


def narrator(lines: list[str], width: int = 80) -> Narrator:
    return Narrator(lines.append, width=width, dim=lambda text: f"({text.strip()})")


def test_a_note_has_its_time_its_sentence_and_where_to_read_on() -> None:
    lines: list[str] = []
    place = Symbol("stage2", 0x8000, "protected", "firmware/stage2.S", 47)
    narrator(lines).tell(Event(MS * 3 // 2, "cr0 wp", place=place))
    assert lines == [
        "    1.5000 ms CR0.WP makes the kernel, too, respect read-only pages.",
        '(firmware/stage2.S:47, protected; Intel SDM Vol. 3A, "Control)',
        '(Registers")',
    ]


def test_a_note_waits_for_the_end_of_the_guests_line() -> None:
    lines: list[str] = []
    teller = narrator(lines)
    teller.guest_sent(ord("x"))
    teller.tell(Event(0, "cr0 wp"))
    assert lines == []
    teller.guest_sent(ord("\n"))
    assert lines[0] == "    0.0000 ms CR0.WP makes the kernel, too, respect read-only pages."


def test_at_the_end_nothing_is_lost() -> None:
    lines: list[str] = []
    teller = narrator(lines)
    teller.guest_sent(ord(">"))
    teller.tell(Event(0, "cr0 wp"))
    teller.end()
    assert lines[0] == ""
    assert lines[1].endswith("read-only pages.")
    teller.end()
    assert len(lines) == 3


def test_what_needs_no_words_gets_none() -> None:
    lines: list[str] = []
    narrator(lines).tell(Event(0, "milestone", "[boot] long mode"))
    assert lines == []


def test_the_detail_is_part_of_the_sentence() -> None:
    lines: list[str] = []
    narrator(lines).tell(Event(0, "exception 14", "0x1234"))
    assert "the access to 0x1234," in " ".join(line.strip() for line in lines)


def test_every_note_is_one_sentence_that_fits_a_narrow_page() -> None:
    for key, note in NOTES.items():
        assert note.sentence.endswith("."), key
        assert ". " not in note.sentence, f"{key} has more than one sentence"
        assert note.source, key
        lines: list[str] = []
        narrator(lines, width=1).tell(Event(0, key, "0x10"))
        assert lines, key
