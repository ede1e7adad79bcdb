"""Interrupts and ports: what the controllers and devices are told."""

from __future__ import annotations

import pytest

from tests.kernel.system import System
from vectoros.kernel.abi import COST_INTERRUPT, COST_UNIT, State, Trap
from vectoros.kernel.errors import Error
from vectoros.kernel.gate import Op, Reason
from vectoros.kernel.message import info
from vectoros.kernel.methods import label
from vectoros.kernel.objects import Type
from vectoros.kernel.process_layout import Init

ACK, SET_NOTIFICATION, CLEAR = (
    label(Type.IRQ_HANDLER, name) for name in ("Ack", "SetNotification", "Clear")
)
CLOCK = 0x28
MASK_MASTER, MASK_SLAVE = (Op.OUT, 1, 0x21), (Op.OUT, 1, 0xA1)
EOI_MASTER, EOI_SLAVE = (Op.OUT, 1, 0x20, 0x20), (Op.OUT, 1, 0xA0, 0x20)


def port_method(name: str) -> int:
    return label(Type.IO_PORT, name)


def test_an_interrupt_is_masked_signalled_and_ended(system: System) -> None:
    ticker = system.running
    assert system.call(Init.RTC_IRQ, ACK) == (0,)
    assert system.ops == [(*MASK_SLAVE, 0xFE)]
    system.syscall(Trap.WAIT, Init.NOTIFICATION)
    assert system.running.name == "shell"
    assert system.trap(Reason.INTERRUPT, vector=CLOCK) == ticker.address
    assert ticker.rdi == 1 << 8
    assert system.ops == [(*MASK_SLAVE, 0xFF), EOI_SLAVE, EOI_MASTER]


def test_an_acknowledge_of_what_is_not_masked_says_nothing_to_the_controller(
    system: System,
) -> None:
    system.call(Init.RTC_IRQ, ACK)
    assert system.call(Init.RTC_IRQ, ACK) == (0,)
    assert system.ops == []


@pytest.mark.parametrize(
    ("vector", "ops"), [(0x27, []), (0x24, []), (0x2F, [EOI_MASTER]), (CLOCK, [EOI_MASTER])]
)
def test_a_masked_line_interrupts_only_spuriously(
    system: System, vector: int, ops: list[object]
) -> None:
    ticker = system.running
    assert system.trap(Reason.INTERRUPT, vector=vector) == ticker.address
    assert system.ops == ops


def test_an_interrupt_wakes_an_idle_machine(system: System) -> None:
    ticker = system.running
    system.call(Init.RTC_IRQ, ACK)
    system.syscall(Trap.WAIT, Init.NOTIFICATION)
    assert system.syscall(Trap.WAIT, Init.NOTIFICATION) == 0
    processor = system.root.processor
    asleep = processor.accounted - processor.idle
    assert system.trap(Reason.INTERRUPT, vector=CLOCK, now=2_000_000) == ticker.address
    assert processor.idle == 2_000_000 + COST_INTERRUPT * COST_UNIT - asleep


def test_a_handler_can_be_given_another_notification(system: System) -> None:
    ticker = system.running
    system.slot(ticker, Init.NOTIFICATION).badge = 0x40
    system.give_capability(ticker, Init.NOTIFICATION)
    system.syscall(Trap.CALL, Init.RTC_IRQ, info(SET_NOTIFICATION, 0) | 1 << 7)
    assert ticker.rax == 0
    system.call(Init.RTC_IRQ, ACK)
    system.trap(Reason.INTERRUPT, vector=CLOCK)
    system.syscall(Trap.NB_WAIT, Init.NOTIFICATION)
    assert ticker.rdi == 0x40


def test_a_cleared_handler_masks_and_signals_nothing(system: System) -> None:
    ticker = system.running
    system.call(Init.RTC_IRQ, ACK)
    assert system.call(Init.RTC_IRQ, CLEAR) == (0,)
    assert system.ops == [(*MASK_SLAVE, 0xFF)]
    system.call(Init.RTC_IRQ, ACK)
    system.trap(Reason.INTERRUPT, vector=CLOCK)
    system.syscall(Trap.NB_WAIT, Init.NOTIFICATION)
    assert ticker.rdi == 0


def test_a_handler_needs_a_notification_that_it_may_signal(system: System) -> None:
    ticker = system.running
    assert system.call(Init.RTC_IRQ, SET_NOTIFICATION) == (Error.TRUNCATED_MESSAGE,)
    system.slot(ticker, Init.NOTIFICATION).rights = 2
    for slot in (Init.TCB, 99, Init.NOTIFICATION):
        system.give_capability(ticker, slot)
        system.syscall(Trap.CALL, Init.RTC_IRQ, info(SET_NOTIFICATION, 0) | 1 << 7)
        assert (ticker.rax, ticker.rdx) == (Error.INVALID_CAPABILITY, 1)
    system.slot(ticker, Init.NOTIFICATION).rights = 3


@pytest.mark.parametrize(("bits", "width"), [(8, 1), (16, 2)])
def test_a_port_is_read_into_the_callers_register(system: System, bits: int, width: int) -> None:
    ticker = system.running
    ticker.rdx = 9
    assert system.call(Init.RTC, port_method(f"In{bits}"), 0x70)[0] == 0
    assert system.ops == [(Op.IN, width, 0x70, ticker.address + 0x58)]
    assert ticker.rsi == info(0, 1)


def test_a_port_is_written(system: System) -> None:
    assert system.call(Init.RTC, port_method("Out8"), 0x71, 0x1FF) == (0,)
    assert system.ops == [(Op.OUT, 1, 0x71, 0xFF)]
    assert system.call(Init.RTC, port_method("Out16"), 0x70, 0x1_2345) == (0,)
    assert system.ops == [(Op.OUT, 2, 0x70, 0x2345)]


@pytest.mark.parametrize(
    ("name", "port"),
    [("In8", 0x6F), ("In8", 0x72), ("In16", 0x71), ("In32", 0x70), ("Out8", 1 << 32 | 0x70)],
)
def test_a_port_that_the_capability_does_not_cover_is_refused(
    system: System, name: str, port: int
) -> None:
    assert system.call(Init.RTC, port_method(name), port, 0) == (Error.ILLEGAL_OPERATION,)
    assert system.ops == []


def test_a_port_method_without_its_arguments_is_truncated(system: System) -> None:
    assert system.call(Init.RTC, port_method("In8")) == (Error.TRUNCATED_MESSAGE,)
    assert system.call(Init.RTC, port_method("Out8"), 0x70) == (Error.TRUNCATED_MESSAGE,)


def test_untyped_memory_says_where_it_is_and_how_full(system: System) -> None:
    system.syscall(Trap.WAIT, Init.NOTIFICATION)
    assert system.running.name == "shell"
    describe = label(Type.UNTYPED, "Describe")
    rows = [system.call(Init.UNTYPEDS + n, describe) for n in range(8)]
    assert rows[0] == (0, system.root.address + 0x4000, 16, 1 << 16, 0)
    assert rows[-1] == (0, 0xE000_0000, 22, 1 << 22, 1)
    assert system.running.state == State.RUNNING
