"""Channels: what the kernel does for them, and that nobody waits who need not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kernel.invoking import DEPTH, SPARE, copy, delete, invoke, make, revoke
from tests.kernel.system import FAR, System, pair, share
from vectoros.kernel.abi import State, Trap
from vectoros.kernel.errors import Error, Lookup
from vectoros.kernel.objects import READ_WRITE, Right, Type
from vectoros.kernel.process_layout import USER_LIMIT, Init
from vectoros.kernel.ring import MAGIC, RING, Ring
from vectoros.kernel.slot import Slot
from vectoros.kernel.tcb import VSPACE, Tcb
from vectoros.kernel.vspace import Entry
from vectoros.kernel_image import invariants, walks

Three = tuple[System, Tcb, Slot]
NAME = (int.from_bytes(b"temperat", "little"), int.from_bytes(b"ure", "little"))
GREATEST = (4096 - RING) // 2
VADDR = 0x41_0000
"""In a page table that every process has."""

ILLEGAL = (Error.ILLEGAL_OPERATION,)
BELL = 30
"""Slot of a notification that nobody is bound to."""


@pytest.fixture
def held() -> Iterator[Three]:
    """A server that runs, with a channel of a page in its slot SPARE."""
    system, server, _ = pair()
    slot = make(system, server, Type.CHANNEL, SPARE, bits=12)
    make(system, server, Type.NOTIFICATION, BELL)
    yield system, server, slot
    invariants.check(system.root)


def channel(system: System, name: str, *words: int, caps: tuple[int, ...] = ()) -> tuple[int, ...]:
    return invoke(system, SPARE, Type.CHANNEL, name, *words, caps=caps)


def test_a_channel_is_named_and_divided_once(held: Three) -> None:
    system, _, slot = held
    assert channel(system, "Describe") == (0, 0, 0, 0, 0)
    assert channel(system, "Configure", *NAME, 24) == (0,)
    assert channel(system, "Describe") == (0, *NAME, 24, (4096 - RING) // 24)
    ring = Ring(system.ram, slot.object)
    assert (ring.magic, ring.begun, ring.head) == (MAGIC, 0, 0)
    assert channel(system, "Configure", *NAME, 24) == ILLEGAL


@pytest.mark.parametrize("size", [8, 16, GREATEST])
def test_a_ring_holds_two_messages_or_more_and_no_byte_too_many(held: Three, size: int) -> None:
    system, _, _ = held
    assert channel(system, "Configure", 0, 0, size) == (0,)
    capacity = channel(system, "Describe")[4]
    assert capacity >= 2
    assert RING + capacity * size <= 4096 < RING + (capacity + 1) * size


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (7, (Error.RANGE_ERROR, 8, GREATEST)),
        (0, (Error.RANGE_ERROR, 8, GREATEST)),
        (GREATEST + 1, (Error.RANGE_ERROR, 8, GREATEST)),
        (1 << 63, (Error.RANGE_ERROR, 8, GREATEST)),
        (12, (Error.ALIGNMENT_ERROR,)),
    ],
)
def test_a_message_size_that_does_not_fit_is_refused(
    held: Three, size: int, expected: tuple[int, ...]
) -> None:
    system, _, _ = held
    assert channel(system, "Configure", *NAME, size) == expected
    assert channel(system, "Describe") == (0, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("name", "words", "caps"),
    [
        ("Configure", (*NAME, 7), ()),
        ("SetNotification", (), (Init.TCB,)),
        ("Wake", (), ()),
    ],
)
def test_changing_a_channel_needs_write_before_all_else(
    held: Three, name: str, words: tuple[int, ...], caps: tuple[int, ...]
) -> None:
    system, _, slot = held
    slot.rights = Right.READ
    assert channel(system, name, *words, caps=caps) == ILLEGAL


@pytest.mark.parametrize(
    ("name", "words"), [("Configure", NAME), ("SetNotification", ()), ("Map", (VADDR,))]
)
def test_a_method_without_its_arguments_is_truncated(
    held: Three, name: str, words: tuple[int, ...]
) -> None:
    system, _, slot = held
    slot.rights = Right.READ
    assert channel(system, name, *words) == (Error.TRUNCATED_MESSAGE,)


def test_a_channel_maps_as_its_rights_say_and_never_executable(held: Three) -> None:
    system, server, slot = held
    pml4 = server.slot(VSPACE).object
    for rights, writable in ((READ_WRITE, Entry.WRITE), (Right.READ, 0)):
        assert channel(system, "Map", VADDR, rights, caps=(Init.PML4,)) == (0,)
        (page,) = (p for p in walks.mappings(system.ram, pml4) if p.address == VADDR)
        assert page.frame == slot.object
        assert page.access & Entry.WRITE == writable
        assert page.access & Entry.NO_EXECUTE
        assert page.access & Entry.USER
    assert channel(system, "Unmap") == (0,)
    assert VADDR not in [p.address for p in walks.mappings(system.ram, pml4)]
    assert channel(system, "Unmap") == (0,)


def test_a_capability_without_write_does_not_publish(held: Three) -> None:
    system, server, slot = held
    assert copy(system, SPARE, 31, Right.READ) == (0,)
    words = (VADDR, READ_WRITE)
    assert invoke(system, 31, Type.CHANNEL, "Map", *words, caps=(Init.PML4,)) == (0,)
    pml4 = server.slot(VSPACE).object
    (page,) = (p for p in walks.mappings(system.ram, pml4) if p.address == VADDR)
    assert not page.access & Entry.WRITE
    assert slot.mapping == 0


@pytest.mark.parametrize(
    ("vaddr", "rights", "space", "expected"),
    [
        (1 << 63 | 1, 0, Init.TCB, (Error.INVALID_CAPABILITY, 1)),
        (USER_LIMIT + 1, 0, Init.PML4, (Error.INVALID_ARGUMENT, 0)),
        (VADDR + 8, 0, Init.PML4, (Error.ALIGNMENT_ERROR,)),
        (0x7E00_0000_0000, Right.WRITE, Init.PML4, (Error.INVALID_ARGUMENT, 1)),
        (0x7E00_0000_0000, Right.READ, Init.PML4,
         (Error.FAILED_LOOKUP, 0, Lookup.MISSING_CAPABILITY, 39)),
        (0x40_0000, Right.READ, Init.PML4, (Error.DELETE_FIRST,)),
    ],
)  # fmt: skip
def test_mapping_is_refused_in_the_order_of_the_table(
    held: Three, vaddr: int, rights: int, space: int, expected: tuple[int, ...]
) -> None:
    system, _, slot = held
    assert channel(system, "Map", vaddr, rights, caps=(space,)) == expected
    assert slot.mapping == 0


def test_a_mapped_channel_stays_where_it_is(held: Three) -> None:
    system, server, _ = held
    channel(system, "Map", VADDR, READ_WRITE, caps=(Init.PML4,))
    found = channel(system, "Map", VADDR + 4096, 0, caps=(Init.PML4,))
    assert found == (Error.INVALID_ARGUMENT, 0)
    other = system.processes(server, 2)[1]
    share(system, other, Init.PML4, server, 31)
    found = channel(system, "Map", VADDR, 0, caps=(31,))
    assert found == (Error.INVALID_CAPABILITY, 0)


def test_the_last_capability_takes_mapping_and_bell_along(held: Three) -> None:
    system, server, slot = held
    channel(system, "Map", VADDR, READ_WRITE, caps=(Init.PML4,))
    channel(system, "SetNotification", caps=(BELL,))
    address = slot.object
    assert copy(system, SPARE, 31) == (0,)
    assert delete(system, SPARE) == (0,)
    assert system.root.bell(address) is not None
    pml4 = server.slot(VSPACE).object
    assert VADDR not in [p.address for p in walks.mappings(system.ram, pml4)]
    assert delete(system, 31) == (0,)
    assert system.root.bell(address) is None


def test_a_bell_is_set_replaced_and_taken_away(held: Three) -> None:
    system, server, slot = held
    make(system, server, Type.NOTIFICATION, 31)
    assert channel(system, "Wake") == ILLEGAL
    for number in (BELL, 31):
        assert channel(system, "SetNotification", caps=(number,)) == (0,)
        bell = system.root.bell(slot.object)
        assert bell
        assert bell.object == system.slot(server, number).object
        assert channel(system, "Wake") == (0, 0)
    assert channel(system, "SetNotification", caps=(99,)) == (0,)
    assert channel(system, "Wake") == ILLEGAL
    assert channel(system, "SetNotification", caps=(99,)) == (0,)


def test_a_bell_goes_with_its_notification(held: Three) -> None:
    system, server, _ = held
    assert copy(system, BELL, 31) == (0,)
    channel(system, "SetNotification", caps=(31,))
    assert revoke(system, BELL) == (0,)
    assert not system.slot(server, 31).type
    assert channel(system, "Wake") == ILLEGAL


@pytest.mark.parametrize(("number", "rights"), [(Init.TCB, 3), (BELL, Right.READ)])
def test_a_bell_is_a_notification_that_one_may_signal(
    held: Three, number: int, rights: int
) -> None:
    system, server, _ = held
    system.slot(server, number).rights &= rights
    found = channel(system, "SetNotification", caps=(number,))
    assert found == (Error.INVALID_CAPABILITY, 1)


def test_there_are_only_so_many_bells(held: Three) -> None:
    system, _, _ = held
    taken = []
    while bell := system.root.bell(0):
        taken.append(bell)
        bell.mapping = len(taken) << 12
    assert len(taken) == 64
    assert channel(system, "SetNotification", caps=(Init.TCB,)) == (Error.INVALID_CAPABILITY, 1)
    assert channel(system, "SetNotification", caps=(BELL,)) == (Error.DELETE_FIRST,)
    assert channel(system, "SetNotification", caps=(99,)) == (0,)
    for bell in taken:
        bell.mapping = 0


def let_run(system: System, thread: Tcb) -> None:
    """Yield until ``thread`` runs."""
    for _ in range(4):
        if system.running.address == thread.address:
            return
        system.syscall(Trap.YIELD)
    raise AssertionError(f"{thread.name} does not run")


def test_who_waits_at_an_empty_channel_stops_no_publisher(two: tuple[System, Tcb, Tcb]) -> None:
    """VaelixOS's ``receive_message`` held the channel's lock while it waited."""
    system, server, client = two
    slot = make(system, server, Type.CHANNEL, SPARE, bits=12)
    make(system, server, Type.NOTIFICATION, BELL)
    channel(system, "Configure", *NAME, 8)
    channel(system, "SetNotification", caps=(BELL,))
    share(system, server, BELL, client, FAR + 1, rights=READ_WRITE)
    let_run(system, client)
    system.syscall(Trap.WAIT, FAR + 1)
    assert client.state == State.BLOCKED_ON_NOTIFICATION
    assert system.running.address == server.address
    Ring(system.ram, slot.object).head += 1
    assert channel(system, "Wake") == (0, 1)
    assert client.state == State.RUNNING
    assert channel(system, "Wake") == (0, 0)


def test_a_wake_between_the_look_and_the_wait_is_not_lost(
    two: tuple[System, Tcb, Tcb],
) -> None:
    system, server, client = two
    slot = make(system, server, Type.CHANNEL, SPARE, bits=12)
    make(system, server, Type.NOTIFICATION, BELL)
    channel(system, "SetNotification", caps=(BELL,))
    bell = system.root.bell(slot.object)
    assert bell
    bell.badge = 0x40
    share(system, server, BELL, client, FAR + 1, rights=READ_WRITE)
    # The client looks and finds nothing; before it waits, the server publishes.
    assert channel(system, "Wake") == (0, 0)
    let_run(system, client)
    system.syscall(Trap.WAIT, FAR + 1)
    assert (client.state, client.rax, client.rdi) == (State.RUNNING, 0, 0x40)
    system.syscall(Trap.WAIT, FAR + 1)
    assert client.state == State.BLOCKED_ON_NOTIFICATION
    assert channel(system, "Wake") == (0, 1)
    let_run(system, client)
    system.syscall(Trap.WAIT, FAR + 1)
    assert client.state == State.BLOCKED_ON_NOTIFICATION


def test_a_large_channel_is_a_large_page(two: tuple[System, Tcb, Tcb]) -> None:
    system, server, _ = two
    slot = make(system, server, Type.CHANNEL, SPARE, bits=21)
    assert (slot.size, slot.object % (2 << 20)) == (2 << 20, 0)
    assert channel(system, "Configure", *NAME, 64) == (0,)
    assert channel(system, "Describe")[4] == ((2 << 20) - RING) // 64


def test_a_channel_is_made_by_retype(two: tuple[System, Tcb, Tcb]) -> None:
    system, _, _ = two
    number = next(
        n for n in range(Init.UNTYPEDS, Init.MEMORY)
        if invoke(system, n, Type.UNTYPED, "Describe")[2:3] == (20,)
    )  # fmt: skip
    words = (Type.CHANNEL, 12, Init.CNODE, DEPTH, SPARE, 1)
    assert invoke(system, number, Type.UNTYPED, "Retype", *words, caps=(Init.CNODE,)) == (0,)
    assert channel(system, "Configure", *NAME, 64) == (0,)
