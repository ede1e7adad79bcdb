"""Policies: what is forbidden is refused, written down, and never allowed again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kernel.invoking import SPARE, invoke, make
from tests.kernel.system import FAR, PAIR, System, boot
from vectoros.kernel import derivation, policy
from vectoros.kernel.abi import Fault, State, Trap
from vectoros.kernel.audit import Event
from vectoros.kernel.errors import Error
from vectoros.kernel.gate import Op
from vectoros.kernel.message import info
from vectoros.kernel.methods import label
from vectoros.kernel.objects import READ_WRITE, Right, Type
from vectoros.kernel.policy import KINDS, RECEIVE, SEND, Policy
from vectoros.kernel.process_layout import Init
from vectoros.kernel.slot import Slot
from vectoros.kernel.tcb import POLICY
from vectoros.kernel.views import MASK
from vectoros.kernel_image import inspect, invariants

ILLEGAL = (Error.ILLEGAL_OPERATION,)
LAST = max(Type)


@pytest.fixture
def held() -> Iterator[tuple[System, Slot]]:
    """A server that runs, and a policy in its slot SPARE, which is nobody's yet."""
    system = boot(PAIR)
    slot = make(system, system.running, Type.POLICY, SPARE)
    policy.initial_mask(system.inside(), slot.object)
    yield system, slot
    invariants.check(system.root)


def forbid(system: System, kind: int, *methods: int) -> None:
    """Put the running thread under a policy that lacks these methods of a type."""
    thread = system.running
    slot = make(system, thread, Type.POLICY, SPARE)
    policy.initial_mask(system.inside(), slot.object)
    mask = MASK - sum(1 << method for method in methods)
    assert invoke(system, SPARE, Type.POLICY, "Restrict", kind, mask) == (0,)
    policy.replace(thread, slot)


def denials(system: System) -> list[tuple[int, int, int]]:
    """Return object, label and status of the denials written down."""
    rows = [row for row in inspect.audit(system.root) if row.event is Event.DENIED]
    return [(row.object, row.label, row.status) for row in rows]


def test_a_new_policy_allows_everything(held: tuple[System, Slot]) -> None:
    system, slot = held
    assert Policy(system.ram, slot.object).masks == (MASK,) * KINDS
    policy.replace(system.running, slot)
    assert invoke(system, Init.TCB, Type.TCB, "Describe")[0] == 0
    assert denials(system) == []


def test_restrict_clears_bits_and_describe_says_which_are_left(
    held: tuple[System, Slot],
) -> None:
    system, _ = held
    for kind in (0, Type.FRAME, LAST):
        assert invoke(system, SPARE, Type.POLICY, "Restrict", kind, 0b1110) == (0,)
        assert invoke(system, SPARE, Type.POLICY, "Restrict", kind, 0b0111) == (0,)
        assert invoke(system, SPARE, Type.POLICY, "Describe", kind) == (0, 0b0110)
    assert invoke(system, SPARE, Type.POLICY, "Describe", Type.TCB) == (0, MASK)


@pytest.mark.parametrize(("name", "words"), [("Restrict", (LAST + 1, 0)), ("Describe", (99,))])
def test_a_type_that_there_is_not_is_out_of_range(
    held: tuple[System, Slot], name: str, words: tuple[int, ...]
) -> None:
    system, slot = held
    before = Policy(system.ram, slot.object).masks
    found = invoke(system, SPARE, Type.POLICY, name, *words)
    assert found == (Error.RANGE_ERROR, 0, LAST)
    assert Policy(system.ram, slot.object).masks == before


@pytest.mark.parametrize(
    ("name", "words", "right"),
    [("Restrict", (99, 0), Right.WRITE), ("Describe", (99,), Right.READ)],
)
def test_a_method_needs_its_right_before_its_arguments(
    held: tuple[System, Slot], name: str, words: tuple[int, ...], right: Right
) -> None:
    system, slot = held
    slot.rights = READ_WRITE & ~right
    assert invoke(system, SPARE, Type.POLICY, name, *words) == ILLEGAL
    assert invoke(system, SPARE, Type.POLICY, name) == (Error.TRUNCATED_MESSAGE,)


def test_a_forbidden_method_is_refused_before_its_arguments_and_written_down() -> None:
    system = boot(PAIR)
    forbid(system, Type.TCB, 3)
    thread = system.running
    assert invoke(system, Init.TCB, Type.TCB, "SetPriority") == ILLEGAL
    assert invoke(system, Init.TCB, Type.TCB, "Describe")[0] == 0
    denied = (thread.address, label(Type.TCB, "SetPriority"), Error.ILLEGAL_OPERATION)
    assert denials(system) == [denied]
    last = inspect.audit(system.root)[-1]
    assert (last.subject, last.event) == (thread.id, Event.DENIED)


def test_a_method_that_no_type_has_is_refused_whatever_the_policy() -> None:
    system = boot(PAIR)
    forbid(system, Type.TCB, 3)
    for number in (0, 255, Type.TCB << 8 | 99, 31 << 8 | 1, 32 << 8 | 1, (1 << 52) - 1):
        assert system.call(Init.TCB, number) == ILLEGAL


def test_a_forbidden_trap_is_refused_and_written_down() -> None:
    system = boot(PAIR)
    forbid(system, 0, Trap.DEBUG_PUT_CHAR, Trap.YIELD)
    thread = system.running
    for number in (Trap.DEBUG_PUT_CHAR, Trap.YIELD):
        system.syscall(number, ord("x"))
        assert thread.rax == Error.ILLEGAL_OPERATION
        assert system.ops == []
        assert system.running.address == thread.address
    assert [row[:2] for row in denials(system)] == [(0, 0), (0, Trap.YIELD)]


def test_debug_put_char_works_without_a_policy_and_under_one_that_allows_it() -> None:
    system = boot(PAIR)
    system.syscall(Trap.DEBUG_PUT_CHAR, ord("x"))
    assert [op[0] for op in system.ops] == [Op.OUT]
    forbid(system, 0, Trap.YIELD)
    system.syscall(Trap.DEBUG_PUT_CHAR, ord("x"))
    assert [op[0] for op in system.ops] == [Op.OUT]


def test_an_unknown_trap_is_a_fault_under_a_policy_too() -> None:
    system = boot(PAIR)
    forbid(system, 0, *range(64))
    thread = system.running
    system.syscall(99)
    assert (thread.fault, thread.state) == (Fault.UNKNOWN_SYSCALL, State.INACTIVE)


@pytest.mark.parametrize("trap", [Trap.SEND, Trap.NB_SEND, Trap.CALL])
@pytest.mark.parametrize(
    ("slot", "kind"),
    [(Init.NOTIFICATION, Type.NOTIFICATION), (Init.ENDPOINT, Type.ENDPOINT)],
)
def test_sending_can_be_forbidden(trap: Trap, slot: int, kind: Type) -> None:
    system = boot(PAIR)
    forbid(system, kind, SEND)
    thread = system.running
    target = system.slot(thread, slot).object
    system.syscall(trap, slot, info(5, 0))
    assert (thread.rax, thread.state) == (Error.ILLEGAL_OPERATION, State.RUNNING)
    assert denials(system) == [(target, kind << 8 | SEND, Error.ILLEGAL_OPERATION)]


@pytest.mark.parametrize("trap", [Trap.RECV, Trap.NB_RECV, Trap.WAIT, Trap.NB_WAIT])
@pytest.mark.parametrize(
    ("slot", "kind"),
    [(Init.NOTIFICATION, Type.NOTIFICATION), (Init.ENDPOINT, Type.ENDPOINT)],
)
def test_receiving_can_be_forbidden(trap: Trap, slot: int, kind: Type) -> None:
    system = boot(PAIR)
    forbid(system, kind, RECEIVE)
    thread = system.running
    target = system.slot(thread, slot).object
    system.syscall(trap, slot)
    assert (thread.rax, thread.state) == (Error.ILLEGAL_OPERATION, State.RUNNING)
    assert denials(system) == [(target, kind << 8 | RECEIVE, Error.ILLEGAL_OPERATION)]


def test_a_thread_whose_policy_is_gone_may_do_nothing() -> None:
    system = boot(PAIR)
    forbid(system, Type.TCB, 3)
    thread = system.running
    derivation.remove(system.ram, thread.slot(POLICY).address)
    system.syscall(Trap.YIELD)
    assert thread.rax == Error.ILLEGAL_OPERATION
    assert invoke(system, Init.TCB, Type.TCB, "Describe") == ILLEGAL
    assert not policy.may_replace(thread.slot(POLICY), system.slot(thread, SPARE))


def test_a_new_thread_and_a_new_policy_have_what_their_maker_has(
    held: tuple[System, Slot],
) -> None:
    system, slot = held
    thread = system.running
    child = system.processes(thread, 2)[1]
    policy.inherit(system.inside(), child.address)
    assert (child.restricted, child.slot(POLICY).type) == (0, 0)
    invoke(system, SPARE, Type.POLICY, "Restrict", Type.FRAME, 0b10)
    policy.replace(thread, slot)
    policy.inherit(system.inside(), child.address)
    assert (child.restricted, child.slot(POLICY).object) == (1, slot.object)
    other = make(system, thread, Type.POLICY, 30)
    policy.initial_mask(system.inside(), other.object)
    assert Policy(system.ram, other.object).masks == Policy(system.ram, slot.object).masks


MASKS = st.integers(0, MASK)


@given(before=MASKS, after=MASKS, kind=st.integers(0, LAST))
def test_a_policy_gives_way_only_to_one_that_allows_no_more(
    before: int, after: int, kind: int
) -> None:
    system = boot(PAIR)
    thread = system.running
    first = make(system, thread, Type.POLICY, SPARE)
    second = make(system, thread, Type.POLICY, FAR)
    for slot, mask in ((first, before), (second, after)):
        policy.initial_mask(system.inside(), slot.object)
        invoke(system, SPARE if slot is first else FAR, Type.POLICY, "Restrict", kind, mask)
    assert policy.may_replace(thread.slot(POLICY), first)
    policy.replace(thread, first)
    narrower = after & before == after
    assert policy.may_replace(thread.slot(POLICY), second) is narrower
    policy.replace(thread, second)
    assert policy.may_replace(thread.slot(POLICY), second)
    invariants.check(system.root)
