"""Authority confined (T2, T3): whatever a program asks for at random, it gets no more.

The client of a pair invokes methods of what it has, and of what it has not, with arguments
that are valid more often than chance would have it. After each trap: no capability has a
right that the one it was derived from lacks; the client reaches no object that it did not
reach before, with no right more, and by no other badge; and its pages are those of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.kernel.hand import DEPTH, FREE, Hand
from tests.kernel.invoking import make
from tests.kernel.system import FAR, System, pair, share
from vectoros.kernel import message, policy, vspace
from vectoros.kernel.abi import Trap
from vectoros.kernel.methods import METHODS, label
from vectoros.kernel.objects import ALL_RIGHTS, Right, Type
from vectoros.kernel.policy import KINDS, Policy
from vectoros.kernel.process_layout import Init
from vectoros.kernel.slot import SIZE, Slot
from vectoros.kernel.tcb import POLICY, SLOTS, Tcb
from vectoros.kernel.views import MASK
from vectoros.kernel_image import inspect, invariants, walks

VADDR = 0x41_0000
GIVEN = {
    25: (Type.NOTIFICATION, Right.READ), 26: (Type.CHANNEL, Right.READ),
    27: (Type.POLICY, Right.READ), 29: (Type.FRAME, Right.READ),
}  # fmt: skip
"""What the client has besides its own: the server has all rights to it."""

ROWS = {kind: [row for row in METHODS if row.object == kind] for kind in Type}
"""The methods of each type; a notification, for one, has none."""

COPIED = sorted(kind for kind, _ in GIVEN.values() if ROWS[kind])


def start() -> System:
    """Return a system whose client has a bit of everything and runs; the server listens."""
    system, server, client = pair()
    for number, (kind, rights) in GIVEN.items():
        bits = 12 if kind in (Type.CHANNEL, Type.FRAME) else 0
        slot = make(system, server, kind, number, bits=bits)
        if kind is Type.POLICY:
            policy.initial_mask(system.inside(), slot.object)
        share(system, server, number, client, number, rights=rights)
    system.syscall(Trap.RECV, Init.ENDPOINT)
    assert system.running.address == client.address
    return system


SYSTEM = start()
SLOTS_OF_CLIENT = [n for n in range(256) if SYSTEM.slot(SYSTEM.running, n).type]


class Authority(NamedTuple):
    """What a thread could ever do: with which objects, by which badges, and in which pages."""

    rights: dict[tuple[int, int], int]
    badges: set[tuple[int, int, int]]
    pages: dict[int, int]


def authority(system: System, thread: Tcb, cnode: int) -> Authority:
    """Look through the thread's CNode, its own slots and its page tables."""
    rights: dict[tuple[int, int], int] = defaultdict(int)
    badges: set[tuple[int, int, int]] = set()
    pages: dict[int, int] = defaultdict(int)
    places = [cnode + n * SIZE for n in range(256)] + [thread.address + at for at in SLOTS]
    for slot in (Slot(system.ram, place) for place in places):
        if slot.type:
            rights[slot.type, slot.object] |= slot.rights
        if slot.type in (Type.ENDPOINT, Type.NOTIFICATION):
            badges.add((slot.type, slot.object, slot.badge))
        if slot.type == Type.PML4:
            for page in walks.mappings(system.ram, slot.object):
                pages[page.frame] |= page.access & vspace.Entry.WRITE
    return Authority(rights, badges, pages)


def assert_within(now: Authority, before: Authority) -> None:
    for place, rights in now.rights.items():
        assert place in before.rights, f"reaches {Type(place[0]).name} at {place[1]:#x}"
        assert not rights & ~before.rights[place], f"has more rights to {place}"
    unbadged = {(kind, at) for kind, at, badge in before.badges if not badge}
    for kind, at, badge in now.badges - before.badges:
        assert (kind, at) in unbadged, f"has badge {badge:#x} of {at:#x}"
    for frame, writable in now.pages.items():
        assert frame in before.pages or (Type.FRAME, frame) in before.rights or (
            Type.CHANNEL, frame) in before.rights, f"sees {frame:#x}"  # fmt: skip
        allowed = before.pages.get(frame, 0)
        for kind in (Type.FRAME, Type.CHANNEL):
            if before.rights.get((kind, frame), 0) & Right.WRITE:
                allowed |= vspace.Entry.WRITE
        assert not writable & ~allowed, f"writes to {frame:#x}"


def assert_rights_shrink(system: System) -> None:
    """T2: along the derivation tree, no capability to an object gains a right."""
    caps = {cap.slot: cap for cap in inspect.tree(system.root)}
    for cap in caps.values():
        parent = caps.get(cap.parent)
        if parent and (parent.type, parent.object) == (cap.type, cap.object):
            assert not cap.rights & ~parent.rights, f"{cap} has more rights than {parent}"


FREE_SLOTS = range(32, 36)
held = st.sampled_from([*SLOTS_OF_CLIENT[:12], *GIVEN, FAR, *FREE_SLOTS])
anything = st.one_of(
    held, st.integers(0, 3), st.integers(0, MASK),
    st.sampled_from([cap.object for cap in inspect.tree(SYSTEM.root)]),
)  # fmt: skip
LIKELY: dict[str, st.SearchStrategy[int]] = {
    "dest_index": st.sampled_from(FREE_SLOTS), "src_index": held, "pivot_index": held,
    "index": held, "rights": st.integers(0, 15), "attributes": st.integers(0, 1),
    "vaddr": st.sampled_from([VADDR, VADDR + 4096]), "badge": st.integers(0, 3),
    "vspace": st.just(int(Init.PML4)), "root": st.just(int(Init.CNODE)),
}  # fmt: skip


@st.composite
def requests(draw: st.DrawFn) -> tuple[int, int, int, list[int], list[int]]:
    """Draw trap, capability, label, words and capabilities of a message."""

    def argument(name: str) -> int:
        if draw(st.integers(0, 9)) == 0:
            return int(draw(anything))
        if "depth" in name:
            return DEPTH
        return int(
            draw(LIKELY.get(name.removeprefix("src_") if "root" in name else name, anything))
        )

    likely = st.sampled_from([*GIVEN, *FREE_SLOTS])
    target = draw(st.one_of(st.just(int(Init.CNODE)), likely, held))
    kind = SYSTEM.slot(SYSTEM.running, target).type
    if target in FREE_SLOTS:
        kind = draw(st.sampled_from(COPIED))
    row = draw(st.sampled_from(ROWS[Type(kind)] or METHODS))
    words = [argument(name) for name in row.arguments]
    caps = [argument(name) for name in row.capabilities]
    trap = draw(st.sampled_from([Trap.CALL, Trap.CALL, Trap.NB_SEND]))
    return trap, target, row.label, words, caps


Requests = Sequence[tuple[int, int, int, list[int], list[int]]]


def ask(target: int, kind: Type, name: str, words: list[int], caps: list[int]) -> Requests:
    return [(Trap.CALL, target, label(kind, name), words, caps)]


FORGE = ask(Init.CNODE, Type.CNODE, "Mint", [32, DEPTH, FAR, DEPTH, 15, 3], [Init.CNODE])
WRITE_CHANNEL = ask(26, Type.CHANNEL, "Map", [VADDR, 3], [Init.PML4])
WRITE_FRAME = ask(29, Type.FRAME, "Map", [VADDR, 3, 0], [Init.PML4])


@given(st.lists(requests(), min_size=1, max_size=12))
@example(FORGE)
@example(WRITE_CHANNEL)
@example(WRITE_FRAME)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_authority_comes_of_asking(made: Requests) -> None:
    system = SYSTEM.copy()
    client, cnode = system.running, system.slot(system.running, Init.CNODE).object
    before = authority(system, client, cnode)
    for trap, target, number, words, caps in made:
        if not system.block.next or system.running.address != client.address:
            break  # it waits, or has stopped itself
        given_words = words if client.buffer else words[:4]
        info = message.info(number, len(given_words)) | system.attach(client, *caps)
        system.syscall(trap, target, info, given_words)
        assert_within(authority(system, client, cnode), before)
        assert_rights_shrink(system)
    invariants.check(system.root)


changes = st.tuples(
    st.sampled_from(["set", "restrict"]), st.integers(0, 2), st.integers(0, max(Type)),
    st.integers(0, MASK),
)  # fmt: skip


@given(st.lists(changes, max_size=12))
@settings(max_examples=60, deadline=None)
def test_what_a_thread_may_ask_for_only_shrinks(
    steps: list[tuple[str, int, int, int]],
) -> None:
    hand = Hand()
    for index in range(3):
        hand.retype(Type.POLICY, 0, FREE + index)
    before = (MASK,) * KINDS
    for what, index, kind, mask in steps:
        if what == "set":
            hand.call(Init.TCB, Type.TCB, "SetPolicy", caps=(FREE + index,))
        else:
            hand.call(FREE + index, Type.POLICY, "Restrict", kind, mask)
        held = hand.thread.slot(POLICY)
        now = Policy(hand.ram, held.object).masks if held.type else (MASK,) * KINDS
        assert not any(after & ~former for after, former in zip(now, before, strict=True))
        before = now
    invariants.check(hand.system.root)


@pytest.mark.parametrize("rights", range(16))
def test_no_copy_has_a_right_that_its_source_lacks(rights: int) -> None:
    hand = Hand()
    hand.retype(Type.ENDPOINT, 0, FREE)
    hand.mint(FREE, FREE + 1, rights=rights)
    hand.mint(FREE + 1, FREE + 2, rights=ALL_RIGHTS)
    hand.mint(FREE + 2, FREE + 3, badge=5, rights=MASK)
    found = [hand.slot(FREE + n).rights for n in range(4)]
    assert found == [ALL_RIGHTS, rights, rights, rights]
