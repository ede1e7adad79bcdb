from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vectoros.irq import Line


def test_a_line_is_low_until_it_is_raised() -> None:
    line = Line()
    assert not line.level
    line.set(True)
    assert line.level


@given(st.lists(st.booleans()))
def test_a_listener_hears_every_change_and_nothing_else(levels: list[bool]) -> None:
    heard: list[bool] = []
    line = Line(heard.append)
    for level in levels:
        line.set(level)
    changes = [
        level for before, level in zip([False, *levels], levels, strict=False) if before != level
    ]
    assert heard == changes


def test_a_listener_sees_the_new_level_already_on_the_line() -> None:
    line = Line()
    seen: list[bool] = []
    line.connect(lambda level: seen.append(line.level is level))
    line.set(True)
    line.set(False)
    assert seen == [True, True]


def test_a_later_listener_takes_the_place_of_the_first() -> None:
    first: list[bool] = []
    second: list[bool] = []
    line = Line(first.append)
    line.connect(second.append)
    line.set(True)
    assert (first, second) == ([], [True])


def test_restoring_a_level_tells_nobody_and_counts_as_the_level_from_then_on() -> None:
    heard: list[bool] = []
    line = Line(heard.append)
    line.restore(True)
    line.set(True)
    assert heard == []
    line.set(False)
    assert heard == [False]
