"""The stubs alone: kernel time, interrupts, timer and ports, as a response asks for them."""

from __future__ import annotations

import pytest

from tests.kernel_stubs.stubs import TCBS, Stubs, kernel
from tests.kernel_stubs.test_traps import ENGINES, run_thread
from vectoros.board import Reason

PIC1_DATA, PIC1_COMMAND, EOI = 0x21, 0x20, 0x20
TWO_CALLS = "syscall\nsyscall"


def time_between_calls(engine: str, cost: int, pieces: bool = False) -> int:
    answers = [
        lambda s: run_thread(s, TWO_CALLS),
        lambda s: s.answer(NEXT=TCBS[0], COST=cost),
        lambda s: s.answer(),
    ]
    stubs = Stubs(engine, answers)
    if pieces:
        while len(stubs.requests) < 3:
            stubs.machine.run(until_tick=stubs.machine.clock.now + (1 if stubs.requests else 500))
    else:
        stubs.run()
    return stubs.requests[2]["NOW"] - stubs.requests[1]["NOW"]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("cost", [1, 2, 1000])
def test_a_cost_takes_exactly_64_ticks_a_unit(engine: str, cost: int) -> None:
    # Without a cost the stub skips over the loop and the jump behind it: 5 bytes.
    free = time_between_calls(engine, 0)
    assert time_between_calls(engine, cost) == free + 64 * cost + 5


def test_pauses_within_the_cost_change_nothing() -> None:
    whole = time_between_calls("fast", 20)
    assert time_between_calls("fast", 20, pieces=True) == whole
    assert time_between_calls("portable", 20) == whole


def test_a_turn_of_the_loop_is_64_bytes() -> None:
    labels = kernel().symbols
    start = labels["spend_turn"] - kernel().origin
    code = kernel().code[start : start + 64]
    assert code[-2:] == bytes([0x75, 0x100 - 64])  # jnz, back to its beginning


def unmask_timer(stubs: Stubs, count: int, **fields: int) -> None:
    stubs.answer(FLAGS=stubs.names["GATE_SET_TIMER"], TIMER=count, **fields)
    stubs.operations((stubs.names["OP_OUT"], 1, PIC1_DATA, 0xFE, 0))


@pytest.mark.parametrize("engine", ENGINES)
def test_nothing_interrupts_until_the_kernel_unmasks_it(engine: str) -> None:
    stubs = Stubs(engine, [lambda s: run_thread(s, "again: jmp again")])
    stubs.machine.serial.send("typed ahead")
    stubs.run("500us")
    assert len(stubs.requests) == 1


@pytest.mark.parametrize("engine", ENGINES)
def test_the_timer_interrupts_a_thread_once_after_its_count(engine: str) -> None:
    def boot(stubs: Stubs) -> None:
        stubs.thread(0, "again: inc rbx\njmp again")
        unmask_timer(stubs, 119, NEXT=TCBS[0], NEXT_CR3=stubs.cr3(0))  # 100 us

    def tick(stubs: Stubs) -> None:
        stubs.answer(NEXT=TCBS[0])
        stubs.operations((stubs.names["OP_OUT"], 1, PIC1_COMMAND, EOI, 0))

    stubs = Stubs(engine, [boot, tick])
    stubs.run("500us")
    start, interrupt = stubs.requests
    assert (interrupt["REASON"], interrupt["VECTOR"]) == (stubs.names["REASON_INTERRUPT"], 0x20)
    assert 398_000 < interrupt["NOW"] - start["NOW"] < 405_000
    assert stubs.frame(0, "RBX") > 10_000


@pytest.mark.parametrize("engine", ENGINES)
def test_an_interrupt_ends_idling_and_there_is_no_thread(engine: str) -> None:
    def wake(stubs: Stubs) -> None:
        run_thread(stubs, "ud2")
        stubs.operations((stubs.names["OP_OUT"], 1, PIC1_COMMAND, EOI, 0))

    stubs = Stubs(engine, [lambda s: unmask_timer(s, 1193), wake, lambda s: s.answer()])
    assert stubs.machine.run().reason is Reason.IDLE
    assert [request["REASON"] for request in stubs.requests] == [0, 3, 2]
    assert stubs.requests[1]["CURRENT"] == 0


@pytest.mark.parametrize("engine", ENGINES)
def test_ports_are_written_and_read_at_each_width(engine: str) -> None:
    result = 0x60_0000

    def ports(stubs: Stubs) -> None:
        write, read = stubs.names["OP_OUT"], stubs.names["OP_IN"]
        stubs.memory.write(result, b"\xaa" * 24)
        stubs.answer()
        stubs.operations(
            (write, 1, 0x3FF, 0x5A, 0),
            (read, 1, 0x3FF, 0, result),
            (write, 2, 0x604, 3, 0),
            (read, 2, 0x604, 0, result + 8),
            (read, 4, 0x6000, 0, result + 16),
            (stubs.names["OP_INVLPG"], 0, 0, 0, 0x40_0000),
        )

    stubs = Stubs(engine, [ports])
    stubs.run()
    assert stubs.word(result) == 0x5A
    assert stubs.word(result + 8) == 3 | 1  # SCI_EN stays set
    assert stubs.word(result + 16) == 0xFFFF_FFFF


@pytest.mark.parametrize("engine", ENGINES)
def test_five_hundred_pauses_change_nothing(engine: str) -> None:
    """The whole of boot, timer, interrupts, costs and a thread that runs throughout."""

    def boot(stubs: Stubs) -> None:
        stubs.thread(0, "again: inc rbx\nsyscall\njmp again")
        unmask_timer(stubs, 20, NEXT=TCBS[0], NEXT_CR3=stubs.cr3(0))

    def trap(stubs: Stubs) -> None:
        interrupt = stubs.request("REASON") == stubs.names["REASON_INTERRUPT"]
        if not interrupt:
            stubs.answer(NEXT=TCBS[0], COST=3)
            return
        stubs.answer(NEXT=TCBS[0], FLAGS=stubs.names["GATE_SET_TIMER"], TIMER=20, COST=5)
        stubs.operations((stubs.names["OP_OUT"], 1, PIC1_COMMAND, EOI, 0))

    end = 400_000

    def run(step: int) -> str:
        stubs = Stubs(engine, [boot, *[trap] * 10_000])
        for tick in range(step, end, step):
            stubs.machine.run(until_tick=tick)
        stubs.machine.run(until_tick=end)
        return stubs.machine.state_hash()

    assert run(end) == run(797)
