"""The kernel does what the oracle says: trap by trap, in status, message and state."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.properties.arguments import Chooser, Pick
from tests.properties.lockstep import Disagreement, Words
from tests.properties.walk import (
    CHANNELS,
    MESSAGES,
    OTHERS,
    PAGES,
    ROWS,
    THREADS,
    TICKS,
    TIME,
    TREE,
    Action,
    Exception_,
    Interrupt,
    Pass,
    Walk,
    invoked,
    picked,
    shortest,
)
from vectoros.kernel.abi import Trap
from vectoros.kernel.methods.row import Method

T = TypeVar("T")
DATA = st.data()


def drawing(data: st.DataObject) -> Pick:
    """Return a way to pick that hypothesis can shrink."""

    def pick(options: Sequence[T]) -> T:
        return data.draw(st.sampled_from(options))

    return pick


class Steps(RuleBasedStateMachine):
    """Traps of the running thread, in kernel and oracle."""

    walk: Walk

    @initialize()
    def start(self) -> None:
        self.walk = Walk()

    def do(self, action: Action) -> None:
        while self.walk.both.idle:
            self.walk.do(Interrupt(4))
        self.walk.do(action)

    @rule(row=st.sampled_from(TREE), data=DATA)
    def capabilities(self, row: Method, data: st.DataObject) -> None:
        self.invoke(row, data)

    @rule(row=st.sampled_from(THREADS), data=DATA)
    def threads(self, row: Method, data: st.DataObject) -> None:
        self.invoke(row, data)

    @rule(row=st.sampled_from(PAGES), data=DATA)
    def pages(self, row: Method, data: st.DataObject) -> None:
        self.invoke(row, data)

    @rule(row=st.sampled_from(CHANNELS), data=DATA)
    def channels(self, row: Method, data: st.DataObject) -> None:
        self.invoke(row, data)

    @rule(row=st.sampled_from(TIME), data=DATA)
    def time(self, row: Method, data: st.DataObject) -> None:
        self.invoke(row, data)

    @rule(ticks=st.sampled_from(TICKS))
    def let_pass(self, ticks: int) -> None:
        self.walk.do(Pass(ticks))

    @rule(row=st.sampled_from(ROWS), data=DATA)
    def invoke(self, row: Method, data: st.DataObject) -> None:
        while self.walk.both.idle:
            self.walk.do(Interrupt(4))
        self.do(invoked(drawing(data), self.walk.both, row))

    @rule(trap=st.sampled_from(MESSAGES), data=DATA)
    def message(self, trap: Trap, data: st.DataObject) -> None:
        while self.walk.both.idle:
            self.walk.do(Interrupt(4))
        self.do(Chooser(drawing(data), self.walk.both).message(trap))

    @rule(trap=st.sampled_from(OTHERS))
    def other(self, trap: int) -> None:
        self.do(Words(trap, 0x41))

    @rule(line=st.sampled_from([4, 4, 1, 5, 0]))
    def interrupt(self, line: int) -> None:
        self.do(Interrupt(line))

    @rule(vector=st.sampled_from([14, 0, 13, 6]), error=st.sampled_from([4, 6, 0x14]))
    def exception(self, vector: int, error: int) -> None:
        self.do(Exception_(vector, error))


Steps.TestCase.settings = settings(
    max_examples=25, stateful_step_count=25, suppress_health_check=[*HealthCheck]
)
TestSteps = Steps.TestCase


def walked(seed: str, steps: int) -> Walk:
    """Make a walk; if kernel and oracle disagree, say how in the fewest steps."""
    walk, pick = Walk(), random.Random(seed).choice
    try:
        for _ in range(steps):
            walk.do(picked(pick, walk.both))
    except Disagreement:
        pytest.fail(f"seed {seed}:\n{shortest(walk)}", pytrace=False)
    return walk


@pytest.mark.parametrize("seed", range(24))
def test_kernel_and_oracle_agree_on_a_walk(seed: int) -> None:
    assert len(walked(f"short {seed}", 150).done) == 150


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_kernel_and_oracle_agree_on_a_long_walk(seed: int) -> None:
    assert len(walked(f"long {seed}", 1500).done) == 1500
