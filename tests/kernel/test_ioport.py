"""I/O ports: what a capability covers is reached, and ports are issued once."""

from __future__ import annotations

import pytest

from tests.kernel.invoking import DEPTH, SPARE, copy, delete, invoke, revoke
from tests.kernel.system import Spec, System, boot
from tests.kernel.tree import descendants
from vectoros.kernel import derivation
from vectoros.kernel.errors import Error, Lookup
from vectoros.kernel.gate import Op
from vectoros.kernel.message import info
from vectoros.kernel.methods import label
from vectoros.kernel.objects import Type
from vectoros.kernel.process_layout import Grant, Init
from vectoros.kernel.slot import Slot
from vectoros.kernel.tcb import Tcb
from vectoros.kernel_image import invariants

Two = tuple[System, Tcb, Tcb]


def port_method(name: str) -> int:
    return label(Type.IO_PORT, name)


def issue(system: System, first: int, last: int, slot: int = SPARE, depth: int = DEPTH,
          root: int = Init.CNODE) -> tuple[int, ...]:  # fmt: skip
    words = (first, last, slot, depth)
    return invoke(system, Init.IO_PORT_CONTROL, Type.IO_PORT_CONTROL, "Issue", *words, caps=(root,))


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


def test_the_control_makes_a_capability_that_works(two: Two) -> None:
    system, server, _ = two
    assert issue(system, 0x300, 0x303) == (0,)
    slot = system.slot(server, SPARE)
    assert (slot.type, slot.object, slot.badge, slot.rights) == (Type.IO_PORT, 0x300, 0x303, 0)
    control = system.slot(server, Init.IO_PORT_CONTROL).address
    assert list(derivation.children(system.ram, control)) == [slot.address]
    assert system.call(SPARE, port_method("Out32"), 0x300, 7) == (0,)
    assert system.ops == [(Op.OUT, 4, 0x300, 7)]
    assert system.call(SPARE, port_method("Out32"), 0x301, 7) == (Error.ILLEGAL_OPERATION,)


@pytest.mark.parametrize("ports", [(0, 0), (0xFFFF, 0xFFFF), (0x304, 0x3FF), (0, 0x2FF)])
def test_any_range_of_ports_that_are_free_can_be_issued(two: Two, ports: tuple[int, int]) -> None:
    system, server, _ = two
    issue(system, 0x300, 0x303, 30)
    assert issue(system, *ports) == (0,)
    assert (system.slot(server, SPARE).object, system.slot(server, SPARE).badge) == ports


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((0x1_0000, 5, 99, 0, Init.TCB), (Error.RANGE_ERROR, 0, 0xFFFF)),
        ((5, 0x1_0000, 99, 0, Init.TCB), (Error.RANGE_ERROR, 0, 0xFFFF)),
        ((0x303, 0x300, 99, 0, Init.TCB), (Error.INVALID_ARGUMENT, 1)),
        ((0x303, 0x303, 99, 0, Init.TCB), (Error.REVOKE_FIRST,)),
        ((0x2FF, 0x300, SPARE), (Error.REVOKE_FIRST,)),
        ((0x303, 0x304, SPARE), (Error.REVOKE_FIRST,)),
        ((0x301, 0x302, SPARE), (Error.REVOKE_FIRST,)),
        ((0, 0xFFFF, SPARE), (Error.REVOKE_FIRST,)),
        ((0x304, 0x304, 99, 0, Init.TCB), (Error.RANGE_ERROR, 1, 64)),
        ((0x304, 0x304, 99, DEPTH, Init.TCB), (Error.FAILED_LOOKUP, 0, Lookup.INVALID_ROOT)),
        ((0x304, 0x304, Init.TCB), (Error.DELETE_FIRST,)),
    ],
)
def test_ports_are_refused_in_the_order_of_the_table(
    two: Two, arguments: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    system, _, _ = two
    assert issue(system, 0x300, 0x303, 30) == (0,)
    tree = list(descendants(system.ram, system.root.anchor))
    assert issue(system, *arguments) == expected
    assert list(descendants(system.ram, system.root.anchor)) == tree


def test_issuing_without_its_arguments_is_truncated(two: Two) -> None:
    system, _, _ = two
    for words, caps in (((1, 2, SPARE), (Init.CNODE,)), ((1, 2, SPARE, DEPTH), ())):
        found = invoke(
            system, Init.IO_PORT_CONTROL, Type.IO_PORT_CONTROL, "Issue", *words, caps=caps
        )
        assert found == (Error.TRUNCATED_MESSAGE,)


def test_ports_can_be_issued_again_when_no_capability_is_left(two: Two) -> None:
    system, _, _ = two
    issue(system, 0x300, 0x303)
    assert copy(system, SPARE, 30) == (0,)
    assert delete(system, SPARE) == (0,)
    assert issue(system, 0x302, 0x305) == (Error.REVOKE_FIRST,)
    assert delete(system, 30) == (0,)
    assert issue(system, 0x302, 0x305) == (0,)
    assert revoke(system, Init.IO_PORT_CONTROL) == (0,)
    assert issue(system, 0x302, 0x305) == (0,)


def test_the_ports_of_boot_are_issued_and_two_programs_share_them() -> None:
    grants = Grant.CONSOLE | Grant.CLOCK
    system = boot((Spec("first", 100, grants | Grant.INSPECT), Spec("second", 100, grants)))
    first, second = system.processes(system.running, 2)
    control = system.slot(first, Init.IO_PORT_CONTROL).address
    children = derivation.children(system.ram, control)
    assert [Slot(system.ram, slot).object for slot in children] == [0x70, 0x60, 0x3F8]
    assert system.slot(second, Init.RTC).object == 0x70
    assert issue(system, 0x64, 0x6F) == (Error.REVOKE_FIRST,)
    invariants.check(system.root)
