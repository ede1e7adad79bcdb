"""Domains: whose turn it is, and that nobody sees what others do in theirs."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kernel.invoking import invoke
from tests.kernel.system import Spec, System, boot
from vectoros.kernel import domain
from vectoros.kernel.abi import Trap
from vectoros.kernel.errors import Error
from vectoros.kernel.gate import Flag, Reason
from vectoros.kernel.objects import Type
from vectoros.kernel.process_layout import Grant, Init
from vectoros.kernel.refills import MIN_BUDGET
from vectoros.kernel.root import MAX_DOMAIN_ENTRIES
from vectoros.kernel.scheduler import NEVER
from vectoros.kernel.tcb import Tcb
from vectoros.kernel_image import invariants

Two = tuple[System, Tcb, Tcb]
OTHER = Init.PROCESSES + 1
TURN = 10 * MIN_BUDGET


def domain_call(system: System, name: str, *words: int, caps: tuple[int, ...] = ()) -> tuple[
    int, ...
]:  # fmt: skip
    return invoke(system, Init.DOMAIN, Type.DOMAIN, name, *words, caps=caps)


def tick(system: System, now: int) -> int:
    return system.trap(Reason.INTERRUPT, vector=0x20, now=now)


def share_time(system: System) -> int:
    """Give the client domain 1, which has every other turn; return when the turns start."""
    assert domain_call(system, "Set", 1, caps=(OTHER,)) == (0,)
    assert domain_call(system, "ScheduleConfigure", 0, 0, TURN) == (0,)
    assert domain_call(system, "ScheduleConfigure", 1, 1, 2 * TURN) == (0,)
    assert domain_call(system, "ScheduleSetStart", 0) == (0,)
    return system.root.processor.domain_end - TURN


def test_at_first_domain_0_has_all_the_time(two: Two) -> None:
    system, server, _ = two
    processor = system.root.processor
    assert (processor.domain, processor.domain_end) == (0, NEVER)
    domain_call(system, "Set", 1, caps=(OTHER,))
    assert system.syscall(Trap.YIELD) == server.address


def test_domains_take_turns_by_the_timer(two: Two) -> None:
    system, server, client = two
    start = share_time(system)
    assert Flag(system.block.flags) & Flag.SET_TIMER
    assert system.root.processor.timer == start + TURN
    assert tick(system, start + TURN - 5000) == server.address
    assert tick(system, start + TURN) == client.address
    assert system.syscall(Trap.YIELD) == client.address
    assert tick(system, start + 3 * TURN) == server.address
    assert tick(system, start + 4 * TURN) == client.address


def test_a_turn_that_nobody_uses_is_idle(two: Two) -> None:
    system, server, client = two
    start = share_time(system)
    invoke(system, OTHER, Type.TCB, "Suspend")
    assert tick(system, start + TURN) == 0
    assert system.root.processor.timer == start + 3 * TURN
    assert tick(system, start + 3 * TURN) == server.address
    invoke(system, OTHER, Type.TCB, "Resume")
    assert system.running.address == server.address
    assert tick(system, start + 4 * TURN) == client.address


def test_the_schedule_goes_back_to_its_start_and_not_to_entry_0(two: Two) -> None:
    system, _, _ = two
    share_time(system)
    domain_call(system, "ScheduleConfigure", 2, 0, TURN)
    domain_call(system, "ScheduleSetStart", 1)
    root = system.root
    assert system.running.name == "client"
    assert (root.domain_index, root.processor.domain) == (1, 1)
    ends = [root.processor.domain_end]
    for index in (2, 1, 2):
        tick(system, ends[-1])
        assert root.domain_index == index
        ends.append(root.processor.domain_end)
    assert [after - before for before, after in pairwise(ends)] == [
        TURN, 2 * TURN, TURN,
    ]  # fmt: skip


def test_a_thread_that_moves_itself_waits_for_the_turn_of_its_domain(two: Two) -> None:
    system, server, _ = two
    start = share_time(system)
    assert domain_call(system, "Set", 1, caps=(Init.TCB,)) == (0,)
    assert not system.block.next
    assert tick(system, start + TURN) == server.address


def test_moving_a_thread_refuses_wrong_arguments(two: Two) -> None:
    system, _, _ = two
    for words, slot, expected in (
        ((4,), OTHER, 0),
        ((4,), Init.CNODE, 0),
        ((0,), Init.CNODE, 1),
        ((0,), 99, 1),
    ):
        answer = domain_call(system, "Set", *words, caps=(slot,))
        assert answer == (Error.INVALID_ARGUMENT, expected)


def test_the_schedule_refuses_wrong_entries(two: Two) -> None:
    system, _, _ = two
    assert domain_call(system, "ScheduleConfigure", 1, 0, TURN) == (0,)
    assert domain_call(system, "ScheduleSetStart", 1) == (0,)
    last = MAX_DOMAIN_ENTRIES - 1
    for words, expected in (
        ((last + 1, 9, 0), (Error.RANGE_ERROR, 0, last)),
        ((0, 4, 1 << 60), (Error.RANGE_ERROR, 0, 3)),
        ((0, 0, 1 << 56), (Error.RANGE_ERROR, 0, (1 << 56) - 1)),
        ((0, 0, MIN_BUDGET - 1), (Error.INVALID_ARGUMENT, 2)),
        ((1, 0, 0), (Error.INVALID_ARGUMENT, 2)),
    ):
        assert domain_call(system, "ScheduleConfigure", *words) == expected
    assert domain_call(system, "ScheduleConfigure", 0, 0, 0) == (0,)
    assert domain_call(system, "ScheduleConfigure", 2, 0, 0) == (0,)


def test_the_schedule_starts_at_no_end(two: Two) -> None:
    system, _, _ = two
    assert domain_call(system, "ScheduleSetStart", 16) == (Error.RANGE_ERROR, 0, 15)
    assert domain_call(system, "ScheduleSetStart", 5) == (Error.INVALID_ARGUMENT, 0)
    assert domain_call(system, "ScheduleSetStart", 0) == (0,)
    assert domain.entry(system.root, 5).duration == 0


PROGRAMS = (
    Spec("server", 100, Grant.INSPECT), Spec("a1", 100), Spec("a2", 120), Spec("b1", 90),
    Spec("b2", 90),
)  # fmt: skip
STEPS = st.lists(st.tuples(st.sampled_from(list(Trap)[:12]), st.integers(1, 40_000)), max_size=12)


def divided() -> System:
    """Return a system in which the server runs, and two pairs of threads have domains 1 and 2."""
    system = boot(PROGRAMS)
    while system.running.name != "server":
        system.syscall(Trap.WAIT, Init.NOTIFICATION)
    for number, where in ((1, 1), (2, 1), (3, 2), (4, 2)):
        domain_call(system, "Set", where, caps=(Init.PROCESSES + number,))
        invoke(system, Init.PROCESSES + number, Type.TCB, "Suspend")
        invoke(system, Init.PROCESSES + number, Type.TCB, "Resume")
    for entry, where in enumerate((0, 1, 2)):
        domain_call(system, "ScheduleConfigure", entry, where, TURN)
    system.block.now = 8 * TURN
    domain_call(system, "ScheduleSetStart", 0)
    return system


DIVIDED = bytes(divided().data)


def observe(theirs: list[tuple[Trap, int]], own: list[tuple[Trap, int]]) -> list[object]:
    """Let domain 1 do ``theirs`` in its turns; return what domain 2 sees of its own."""
    system = System(bytearray(DIVIDED))
    processor, seen = system.root.processor, list[object]()
    start = 9 * TURN
    processor.domain_end = start
    for turn in range(7):
        steps = {1: theirs, 2: own, 0: []}[system.root.domain_index]
        now, end = start + (turn - 1) * TURN + 20_000, start + turn * TURN
        used = sum(wait for _, wait in steps)
        last = processor.domain_end - now - used - 99  # the trap ends in the next turn
        late = [(trap, last) for trap, _ in theirs[:1] if steps is theirs]
        for trap, wait in (*steps, *late):
            if system.block.next:
                now += wait
                thread = system.running
                system.syscall(trap, Init.NOTIFICATION, 0, (turn,), now=now)
                if steps is own:
                    seen.append((thread.name, thread.rax, thread.rdi, thread.rsi, now))
        tick(system, max(end, now) + 9000)
        if processor.domain == 2:
            seen.append((system.block.next and system.running.name, processor.domain_end))
    invariants.check(system.root)
    return seen


@settings(max_examples=40)
@given(STEPS, STEPS, STEPS)
def test_what_one_domain_does_another_cannot_see(
    one: list[tuple[Trap, int]], other: list[tuple[Trap, int]], own: list[tuple[Trap, int]]
) -> None:
    """T12: two runs that differ in what domain 1 does are the same to domain 2."""
    assert observe(one, own) == observe(other, own)
