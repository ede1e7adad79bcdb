"""A run for a person: pace, input, and ends, with a pipe for the person."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from vectoros import Machine
from vectoros.board import Reason
from vectoros.console import Input, Output
from vectoros.pacing import Pacer, SliceLength
from vectoros.session import TYPED_AHEAD_BYTES, Limits, Session
from vectoros.units import TICKS_PER_SECOND

Sector = Callable[[str], Path]
MS = TICKS_PER_SECOND // 1000


@pytest.fixture
def machine(sector: Sector) -> Iterator[Callable[[str], Machine]]:
    """A function that makes a machine which boots a sector."""
    made: list[Machine] = []

    def make(name: str) -> Machine:
        made.append(Machine.from_image(sector(name), firmware=False))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def keys() -> Iterator[tuple[Input, int]]:
    """The two ends of a pipe: what the session reads, and what the test writes to."""
    reader, writer = os.pipe()
    yield Input(reader), writer
    os.close(reader)
    os.close(writer)


def session(machine: Machine, source: Input, *, real_time: bool = False) -> Session:
    return Session(machine, source, Output(None, "null"), real_time=real_time, terminal=False)


NOBODY = Input(None)


def test_what_was_typed_before_enters_at_the_first_tick(
    machine: Callable[[str], Machine], keys: tuple[Input, int]
) -> None:
    source, writer = keys
    os.write(writer, b"az")
    made = machine("echo")
    outcome = session(made, source).run(Limits(until="7a"))
    assert outcome.stop.reason is Reason.MATCH
    with Machine.from_image(made.pc.disk.path, firmware=False) as twin:  # type: ignore[union-attr]
        twin.serial.send("az")
        assert twin.run(until="7a").tick == outcome.stop.tick


def test_more_input_than_the_guest_reads_stays_where_it_is(
    machine: Callable[[str], Machine], keys: tuple[Input, int]
) -> None:
    source, writer = keys
    made = machine("spin")
    made.pc.uart.queue += bytes(TYPED_AHEAD_BYTES)
    os.write(writer, b"later")
    session(made, source).run(Limits(max_ticks=MS))
    assert len(made.pc.uart.queue) <= TYPED_AHEAD_BYTES
    assert source.read() == b"later"


def test_time_limits_count_from_where_the_run_begins(machine: Callable[[str], Machine]) -> None:
    made = machine("spin")
    made.run(until_tick=1000)
    outcome = session(made, NOBODY).run(Limits(max_ticks=500))
    assert (outcome.stop.reason, outcome.stop.tick) == (Reason.TICK, 1500)


def test_slices_of_any_length_give_one_machine(machine: Callable[[str], Machine]) -> None:
    hashes = set()
    for ticks in (500, 40_000, 10_000_000):
        made = machine("interrupts")
        made.pc.board.slice_ticks = ticks
        session(made, NOBODY).run(Limits())
        hashes.add(made.state_hash())
    assert len(hashes) == 1


def test_a_busy_guest_without_input_is_not_slept_on_between_slices(
    machine: Callable[[str], Machine], monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    session(machine("spin"), NOBODY).run(Limits(max_ticks=100_000))
    assert slept == []


@pytest.mark.parametrize(("name", "grows"), [("spin", True), ("chatter", False)])
def test_slices_become_as_long_as_the_guest_is_fast(
    machine: Callable[[str], Machine], name: str, grows: bool
) -> None:
    made = machine(name)
    session(made, NOBODY).run(Limits(max_ticks=1_000_000 if grows else 100_000))
    assert (made.pc.board.slice_ticks > SliceLength.FIRST) == grows


def test_real_time_makes_an_idle_guest_wait(machine: Callable[[str], Machine]) -> None:
    made = machine("interrupts")
    began = time.monotonic()
    outcome = session(made, NOBODY, real_time=True).run(Limits())
    took = time.monotonic() - began
    assert outcome.stop.reason is Reason.POWER_OFF
    assert took >= outcome.stop.tick / TICKS_PER_SECOND * 0.9


def test_pace_makes_no_difference_to_the_guest(machine: Callable[[str], Machine]) -> None:
    hashes = set()
    for real_time in (False, True):
        made = machine("interrupts")
        session(made, NOBODY, real_time=real_time).run(Limits())
        hashes.add(made.state_hash())
    assert len(hashes) == 1


def test_idle_for_ever_with_nobody_to_type_is_an_end(machine: Callable[[str], Machine]) -> None:
    for limits in (Limits(), Limits(max_ticks=MS)):
        outcome = session(machine("deaf"), NOBODY).run(limits)
        assert outcome.stop.reason is Reason.IDLE
        assert outcome.stop.tick < 100


@pytest.mark.parametrize("real_time", [False, True])
def test_an_idle_guest_waits_for_whoever_may_type(
    machine: Callable[[str], Machine], keys: tuple[Input, int], real_time: bool
) -> None:
    source, writer = keys
    made = machine("deaf")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    closer = threading.Timer(0.1, os.dup2, (nowhere, writer))
    closer.start()  # the only writing end goes away: the end of the input
    outcome = session(made, source, real_time=real_time).run(Limits())
    closer.join()
    os.close(nowhere)
    assert not source.open
    assert outcome.stop.reason is Reason.IDLE


def test_a_time_limit_is_not_waited_for_at_full_pace(
    machine: Callable[[str], Machine], keys: tuple[Input, int]
) -> None:
    outcome = session(machine("deaf"), keys[0]).run(Limits(max_ticks=1000 * TICKS_PER_SECOND))
    assert outcome.stop.reason is Reason.TICK


def test_in_real_time_a_key_comes_at_the_hosts_moment(
    machine: Callable[[str], Machine],
    keys: tuple[Input, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source, writer = keys
    made = machine("deaf")
    typed_at: list[int] = []
    made.serial.send = lambda text: typed_at.append(made.clock.now)  # type: ignore[method-assign]
    typist = threading.Timer(0.05, os.write, (writer, b"x"))

    def pacer(tick: int) -> Pacer:  # a busy host may be anywhere between two statements
        made_now = Pacer(tick)
        typist.start()
        return made_now

    monkeypatch.setattr("vectoros.session.Pacer", pacer)
    limit = 1000 * MS
    outcome = session(made, source, real_time=True).run(Limits(max_ticks=limit))
    typist.join()
    assert (outcome.stop.reason, outcome.stop.tick) == (Reason.TICK, limit)
    assert len(typed_at) == 1
    assert 50 * MS <= typed_at[0] < limit


@pytest.mark.parametrize("name", ["spin", "echo", "chatter"])
def test_a_signal_stops_a_busy_guest_within_a_tenth_of_a_second(
    machine: Callable[[str], Machine], name: str
) -> None:
    made = machine(name)
    moments: list[float] = []

    def send() -> None:
        moments.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(0.1, send)
    timer.start()
    outcome = session(made, NOBODY).run(Limits())
    moments.append(time.monotonic())
    timer.join()
    assert (outcome.stop.reason, outcome.signal) == (Reason.INTERRUPTED, signal.SIGINT)
    sent, stopped = moments
    assert stopped - sent < 0.5  # 0.1 on a host that does nothing else


def test_signals_are_somebody_elses_again_afterwards(machine: Callable[[str], Machine]) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    session(machine("exit7"), NOBODY).run(Limits())
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_session_runs_in_any_thread(machine: Callable[[str], Machine]) -> None:
    made = machine("exit7")
    ends: list[Reason] = []
    thread = threading.Thread(
        target=lambda: ends.append(session(made, NOBODY).run(Limits()).stop.reason)
    )
    thread.start()
    thread.join()
    assert ends == [Reason.EXIT]


def test_a_second_ctrl_c_does_not_ask(machine: Callable[[str], Machine]) -> None:
    made = machine("spin")
    run = session(made, NOBODY)
    run._on_signal(signal.SIGINT, None)
    with pytest.raises(KeyboardInterrupt):
        run._on_signal(signal.SIGINT, None)
