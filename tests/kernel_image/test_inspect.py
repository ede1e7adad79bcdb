"""What can be seen in an image, without a kernel that runs."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given, settings

from tests.kernel.damage import DAMAGE, damaged
from tests.kernel.plain_memory import PlainMemory
from tests.kernel.system import FAR, System, boot, pair
from vectoros.kernel.abi import Fault, State, Trap
from vectoros.kernel.gate import Reason
from vectoros.kernel.memory import Ram
from vectoros.kernel.objects import Type
from vectoros.kernel.process_layout import Init
from vectoros.kernel.root import MAGIC, Root
from vectoros.kernel.slot import Slot
from vectoros.kernel.tcb import CSPACE
from vectoros.kernel_image import inspect, walks


def test_the_root_object_is_found_in_an_image(system: System) -> None:
    memory = PlainMemory(bytearray(system.data))
    found = inspect.find_root(memory)
    assert found == system.root.address
    assert inspect.threads(Root(Ram(memory), found)) == inspect.threads(system.root)


def test_an_image_without_a_kernel_has_none() -> None:
    assert inspect.find_root(PlainMemory(bytearray(1 << 20))) is None


def test_ready_and_waiting_threads_are_where_they_are() -> None:
    system, server, client = pair()
    assert inspect.ready(system.root) == {(0, 100): [client.address]}
    system.syscall(Trap.RECV, Init.ENDPOINT)
    endpoint = system.slot(server, Init.ENDPOINT).object
    assert inspect.waiting(system.root) == {endpoint: [server.address]}
    assert inspect.ready(system.root) == {}


def test_a_fault_is_still_there_after_the_crash() -> None:
    system, _, client = pair()
    system.syscall(Trap.RECV, Init.ENDPOINT)
    system.trap(Reason.EXCEPTION, vector=14, error=6, cr2=0xBAD0)
    thread = inspect.threads(system.root)[1]
    assert (thread.name, thread.state) == ("client", State.INACTIVE)
    assert (thread.fault, thread.fault_address) == (Fault.VM_FAULT, 0xBAD0)
    assert thread.tcb == client.address


def test_capabilities_show_type_badge_and_rights() -> None:
    system, server, client = pair()
    found = inspect.capabilities(system.root, client.slot(CSPACE))[FAR]
    assert (found.type, found.badge, found.rights) == (Type.ENDPOINT, 7, 15)
    assert found.object == system.slot(server, Init.ENDPOINT).object


def test_what_was_derived_is_deeper_than_what_it_came_from() -> None:
    system, server, client = pair()
    depths = {cap.slot: cap.depth for cap in inspect.tree(system.root)}
    original = system.slot(server, Init.ENDPOINT).address
    assert depths[system.slot(client, FAR).address] == depths[original] + 1


VIEWS: tuple[Callable[[Root], object], ...] = (
    lambda root: list(inspect.tree(root)),
    inspect.threads,
    inspect.ready,
    inspect.released,
    inspect.waiting,
    inspect.notifications,
    inspect.replies,
    inspect.contexts,
    inspect.untypeds,
    inspect.interrupts,
    inspect.audit,
    lambda root: [
        list(inspect.pages(root, space)) for space in inspect.objects(root, Type.PML4)
    ],
    lambda root: [
        inspect.capabilities(root, Slot(root.ram, cap.slot))
        for cap in inspect.tree(root)
        if cap.type is Type.CNODE
    ],
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(DAMAGE)
def test_damage_is_told_and_never_raises_anything_else(damage: list[tuple[int, int]]) -> None:
    system = damaged(damage)
    for view in VIEWS:
        with suppress(inspect.InspectError):
            view(system.root)


def test_an_image_of_noise_behind_a_root_object_is_told_to_be_damaged() -> None:
    data = bytearray(random.Random(5).randbytes(1 << 20))
    root = Root(Ram(PlainMemory(data)), 0x1000)
    root.magic = MAGIC
    assert inspect.find_root(PlainMemory(data)) == root.address
    with pytest.raises(inspect.InspectError, match="the derivation tree breaks at 0x1120"):
        inspect.threads(root)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda s: setattr(s.running, "state", 99), "is of state 99, which there is not"),
        (lambda s: setattr(Slot(s.ram, tree_slot(s)), "type", 77), "is of type 77, which there"),
        (lambda s: setattr(Slot(s.ram, tree_slot(s)), "type", 0), "holds no capability"),
        (lambda s: setattr(Slot(s.ram, tree_slot(s)), "object", 1 << 40), "cannot be at 0x1000000"),
        (lambda s: setattr(Slot(s.ram, tree_slot(s)), "open_next", 0x40), "breaks at"),
    ],
)
def test_each_kind_of_damage_has_its_sentence(spoil: Callable[[System], None], said: str) -> None:
    system = boot()
    spoil(system)
    with pytest.raises(inspect.InspectError, match=said):
        inspect.threads(system.root)


def tree_slot(system: System) -> int:
    """Return the slot of some TCB."""
    return next(cap.slot for cap in inspect.tree(system.root) if cap.type is Type.TCB)


def test_a_queue_without_end_is_told() -> None:
    system, _server, client = pair()
    client.queue_next = client.address
    with pytest.raises(inspect.InspectError, match=r"has no end: thread .* is in it twice"):
        inspect.ready(system.root)


def test_a_page_table_that_leads_to_itself_is_told(system: System) -> None:
    (space, *_) = inspect.objects(system.root, Type.PML4)
    table = system.ram.words[space >> 3] & 0xFFFFF000
    kept = system.ram.words[table >> 3]
    system.ram.words[table >> 3] = table | 7
    with pytest.raises(inspect.InspectError, match="is in two places of one address space"):
        list(inspect.pages(system.root, space))
    system.ram.words[table >> 3] = kept


def test_pages_are_what_the_processor_would_find(system: System) -> None:
    for space in inspect.objects(system.root, Type.PML4):
        assert list(inspect.pages(system.root, space)) == list(walks.mappings(system.ram, space))


def test_the_parent_is_what_a_capability_was_derived_from(system: System) -> None:
    caps = {cap.slot: cap for cap in inspect.tree(system.root)}
    for cap in caps.values():
        assert (cap.parent == system.root.anchor) == (cap.depth == 1)
        if cap.depth > 1:
            assert caps[cap.parent].depth == cap.depth - 1
