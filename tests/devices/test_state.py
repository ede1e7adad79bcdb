"""Cells: reset, save, check and restore come with the declaration."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from vectoros.devices.state import (
    FLAG,
    Cell,
    Queue,
    State,
    Stateful,
    integer,
    one_of,
    optional,
)


class Part(Stateful):
    level = Cell(5, integer(0, 9), "a level")


class Whole(Stateful):
    name = "whole"
    on = Cell(False, FLAG, "a flag")
    when = Cell(None, optional(integer()), "a tick")
    word = Cell("a", one_of("a", "b"), "a word")
    bytes_in = Queue("a queue", 4)

    def __init__(self) -> None:
        self.part = Part()
        self.reset()

    def parts(self) -> Mapping[str, Stateful]:
        return {"part": self.part}


POWER_ON: dict[str, State] = {
    "on": False,
    "when": None,
    "word": "a",
    "bytes_in": b"",
    "part": {"level": 5},
}


def test_a_new_object_is_in_its_power_on_state() -> None:
    assert Whole().state() == POWER_ON


def test_restoring_gives_back_what_was_saved() -> None:
    first, second = Whole(), Whole()
    first.on, first.when, first.word = True, 12, "b"
    first.bytes_in += b"wxyz"
    first.part.level = 9
    second.restore(first.state())
    assert second.state() == first.state()
    assert second.state() != POWER_ON


def test_a_restored_queue_is_not_shared() -> None:
    first, second = Whole(), Whole()
    first.bytes_in += b"x"
    second.restore(first.state())
    second.bytes_in += b"y"
    assert first.bytes_in == b"x"


def test_reset_reaches_the_parts_and_empties_the_queues() -> None:
    whole = Whole()
    whole.part.level = 1
    whole.bytes_in += b"x"
    whole.reset()
    assert whole.state() == POWER_ON
    assert Whole().state() == POWER_ON


def test_the_limits_of_a_shape_belong_to_it() -> None:
    whole = Whole()
    for level, when in ((0, 0), (9, 1 << 80)):
        state = POWER_ON | {"when": when, "part": {"level": level}}
        whole.restore(state)
        assert whole.state() == state


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"on": 1}, "whole.on must be true or false, not int 1"),
        ({"when": -1}, "whole.when must be a whole number from 0, or none, not int -1"),
        ({"when": True}, "whole.when must be a whole number from 0, or none, not bool True"),
        ({"word": "c"}, "whole.word must be one of 'a', 'b', not str 'c'"),
        ({"bytes_in": b"12345"}, "whole.bytes_in must be at most 4 bytes, not bytes b'12345'"),
        (
            {"part": {"level": 10}},
            "whole.part.level must be a whole number from 0 to 9, not int 10",
        ),
        ({"part": None}, "whole.part must be a table, not NoneType"),
        ({"part": {}}, "whole.part.level is missing"),
        ({"more": 1}, "whole.more is not a field of Whole"),
    ],
)
def test_a_bad_state_is_refused_by_field_and_changes_nothing(
    change: dict[str, State], message: str
) -> None:
    whole = Whole()
    good: dict[str, State] = {**POWER_ON, "on": True, "part": {"level": 1}}
    with pytest.raises(ValueError, match=rf"^{message}$"):
        whole.restore(good | change)
    assert whole.state() == POWER_ON


def test_a_value_before_reset_is_a_mistake_that_says_so() -> None:
    with pytest.raises(AttributeError, match=r"Part\.level is used before reset\(\)"):
        _ = Part().level
