"""Interrupts: what the controllers are told, and who is signalled."""

from __future__ import annotations

import pytest

from tests.kernel.invoking import DEPTH, SPARE, copy, delete, invoke, revoke
from tests.kernel.system import FAR, Spec, System, boot
from tests.kernel.tree import descendants
from vectoros.kernel import derivation
from vectoros.kernel.abi import COST_INTERRUPT, COST_UNIT, State, Trap
from vectoros.kernel.errors import Error, Lookup
from vectoros.kernel.gate import Op, Reason
from vectoros.kernel.methods import label
from vectoros.kernel.objects import Type
from vectoros.kernel.process_layout import Grant, Init
from vectoros.kernel.root import ROOT_SIZE
from vectoros.kernel.slot import Slot
from vectoros.kernel.tcb import Tcb
from vectoros.kernel_image import invariants

Two = tuple[System, Tcb, Tcb]

ACK, SET_NOTIFICATION, CLEAR = (
    label(Type.IRQ_HANDLER, name) for name in ("Ack", "SetNotification", "Clear")
)
CLOCK = 0x28
MASK_MASTER, MASK_SLAVE = (Op.OUT, 1, 0x21), (Op.OUT, 1, 0xA1)
EOI_MASTER, EOI_SLAVE = (Op.OUT, 1, 0x20, 0x20), (Op.OUT, 1, 0xA0, 0x20)


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
    asleep = processor.started - processor.idle
    assert system.trap(Reason.INTERRUPT, vector=CLOCK, now=2_000_000) == ticker.address
    assert processor.idle == 2_000_000 + COST_INTERRUPT * COST_UNIT - asleep


def test_a_handler_can_be_given_another_notification(system: System) -> None:
    ticker = system.running
    system.slot(ticker, Init.NOTIFICATION).badge = 0x40
    assert system.call(Init.RTC_IRQ, SET_NOTIFICATION, caps=(Init.NOTIFICATION,)) == (0,)
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
        refused = system.call(Init.RTC_IRQ, SET_NOTIFICATION, caps=(slot,))
        assert refused == (Error.INVALID_CAPABILITY, 1)
    system.slot(ticker, Init.NOTIFICATION).rights = 3


LINE = 3
MASK_OF_LINE = (*MASK_MASTER, 0xF2)


def get(system: System, line: int, slot: int = SPARE, depth: int = DEPTH,
        root: int = Init.CNODE) -> tuple[int, ...]:  # fmt: skip
    return invoke(
        system, Init.IRQ_CONTROL, Type.IRQ_CONTROL, "Get", line, slot, depth, caps=(root,)
    )


def bind(system: System) -> None:
    """Let the line signal the running thread, and come."""
    found = invoke(system, SPARE, Type.IRQ_HANDLER, "SetNotification", caps=(Init.NOTIFICATION,))
    assert found == (0,)
    assert invoke(system, SPARE, Type.IRQ_HANDLER, "Ack") == (0,)
    assert system.ops == [MASK_OF_LINE]


def test_the_control_makes_a_handler_that_works(two: Two) -> None:
    system, server, _ = two
    assert get(system, LINE) == (0,)
    slot = system.slot(server, SPARE)
    assert (slot.type, slot.object, slot.badge, slot.rights) == (Type.IRQ_HANDLER, LINE, 0, 0)
    control = system.slot(server, Init.IRQ_CONTROL).address
    assert list(derivation.children(system.ram, control)) == [slot.address]
    bind(system)
    system.trap(Reason.INTERRUPT, vector=0x20 + LINE)
    assert system.root.interrupt(LINE).object == system.slot(server, Init.NOTIFICATION).object
    system.syscall(Trap.NB_WAIT, Init.NOTIFICATION)
    assert (server.rax, server.rsi) == (0, 0)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((16, 99, 0, Init.TCB), (Error.RANGE_ERROR, 0, 15)),
        ((1 << 63, SPARE), (Error.RANGE_ERROR, 0, 15)),
        ((0, 99, 0, Init.TCB), (Error.ILLEGAL_OPERATION,)),
        ((2, SPARE), (Error.ILLEGAL_OPERATION,)),
        ((4, 99, 0, Init.TCB), (Error.REVOKE_FIRST,)),
        ((LINE, 99, 0, Init.TCB), (Error.RANGE_ERROR, 1, 64)),
        ((LINE, 99, 65, Init.TCB), (Error.RANGE_ERROR, 1, 64)),
        ((LINE, 99, DEPTH, Init.TCB), (Error.FAILED_LOOKUP, 0, Lookup.INVALID_ROOT)),
        ((LINE, Init.TCB), (Error.DELETE_FIRST,)),
        ((4, Init.TCB), (Error.REVOKE_FIRST,)),
    ],
)
def test_a_handler_is_refused_in_the_order_of_the_table(
    two: Two, arguments: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    system, _, _ = two
    assert get(system, 4, FAR + 2) == (0,)
    tree = list(descendants(system.ram, system.root.anchor))
    assert get(system, *arguments) == expected
    assert list(descendants(system.ram, system.root.anchor)) == tree


def test_a_handler_without_its_arguments_is_truncated(two: Two) -> None:
    system, _, _ = two
    for words, caps in (((LINE, SPARE), (Init.CNODE,)), ((LINE, SPARE, DEPTH), ())):
        found = invoke(system, Init.IRQ_CONTROL, Type.IRQ_CONTROL, "Get", *words, caps=caps)
        assert found == (Error.TRUNCATED_MESSAGE,)


def test_with_its_last_capability_a_handler_ends(two: Two) -> None:
    system, server, _ = two
    get(system, LINE)
    bind(system)
    assert copy(system, SPARE, 30) == (0,)
    assert delete(system, SPARE) == (0,)
    assert system.ops == []
    assert get(system, LINE) == (Error.REVOKE_FIRST,)
    assert delete(system, 30) == (0,)
    assert system.ops == [(*MASK_MASTER, 0xFA)]
    assert not system.root.interrupt(LINE).type
    assert get(system, LINE) == (0,)
    assert system.slot(server, SPARE).object == LINE


def test_revoking_the_control_ends_all_handlers(two: Two) -> None:
    system, server, _ = two
    get(system, LINE)
    bind(system)
    get(system, 5, 30)
    assert revoke(system, Init.IRQ_CONTROL) == (0,)
    assert not any(system.slot(server, number).type for number in (SPARE, 30))
    assert not system.root.interrupt(LINE).type
    assert system.root.irq_mask >> LINE & 1


def test_two_programs_with_a_line_share_its_handler() -> None:
    system = boot((Spec("first", 100, Grant.CONSOLE | Grant.INSPECT),
                   Spec("second", 100, Grant.CONSOLE)))  # fmt: skip
    first, second = system.processes(system.running, 2)
    control = system.slot(first, Init.IRQ_CONTROL).address
    children = derivation.children(system.ram, control)
    assert [Slot(system.ram, slot).object for slot in children] == [1, 4]
    for owner in (first, second):
        assert system.slot(owner, Init.COM1_IRQ).object == 4
    delete(system, Init.COM1_IRQ)
    assert get(system, 4) == (Error.REVOKE_FIRST,)
    invariants.check(system.root)


def test_untyped_memory_says_where_it_is_and_how_full(system: System) -> None:
    system.syscall(Trap.WAIT, Init.NOTIFICATION)
    assert system.running.name == "shell"
    describe = label(Type.UNTYPED, "Describe")
    rows = [system.call(Init.UNTYPEDS + n, describe) for n in range(9)]
    first = system.slot(system.running, Init.UNTYPEDS)
    assert first.object == system.root.address + ROOT_SIZE
    assert rows[0] == (0, first.object, first.bits, first.badge, 0)
    assert rows[-1] == (0, 0xE000_0000, 22, 1 << 22, 1)
    assert system.running.state == State.RUNNING
