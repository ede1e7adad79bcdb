"""Transitions T1 to T12: what a trap may change, compared before and after.

The walks of tests/properties/test_lockstep.py check T1 at each refusal, and T10 at each
preemption, too. Here every property stands by itself, on the kernel's memory alone; T3 and
T4 are in tests/properties/test_confinement.py.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from tests.properties.abstraction import State, read
from tests.properties.arguments import Chooser
from tests.properties.lockstep import Lockstep, Words
from tests.properties.oracle.deriving import BADGED
from tests.properties.oracle.things import Tcb as Model
from tests.properties.scene import LINE, At, Scene, scene
from tests.properties.slots import (
    BADGE,
    BITS,
    KIND,
    OBJECT,
    PARENT,
    RIGHTS,
    Slots,
    below,
    held,
    signalled,
    slots,
)
from tests.properties.walk import TREE, Interrupt, Walk, invoked, picked
from vectoros.kernel import preemption
from vectoros.kernel.abi import State as ThreadState
from vectoros.kernel.abi import Trap
from vectoros.kernel.message import LABEL_SHIFT, info
from vectoros.kernel.methods import label
from vectoros.kernel.objects import FIXED_BITS, Type
from vectoros.kernel.process_layout import Init
from vectoros.kernel.tcb import Tcb
from vectoros.kernel_image import inspect


def walks(count: int, steps: int, name: str) -> Iterator[tuple[Walk, State]]:
    """Yield each step of some walks: what is now, and the state before."""
    for number in range(count):
        walk, pick = Walk(), random.Random(f"{name} {number}").choice
        for _ in range(steps):
            before, scenes = read(walk.both.system), walk.fresh
            walk.do(picked(pick, walk.both))
            if walk.fresh == scenes:
                yield walk, before


def invocations(names: str, count: int, seed: str) -> Iterator[tuple[Walk, State]]:
    """Yield each step of a walk in which only some methods of memory are invoked."""
    rows = [row for name in names.split() for row in TREE if row.name == name]
    walk, pick = Walk(), random.Random(seed).choice
    for _ in range(count):
        while walk.both.idle:
            walk.do(Interrupt(LINE))
        before, scenes = read(walk.both.system), walk.fresh
        walk.do(invoked(pick, walk.both, pick(rows)))
        if walk.fresh == scenes and walk.both.status == 0:
            yield walk, before


def slot_of(both: Lockstep, number: int) -> int:
    """Return the physical address of a slot of the CSpace."""
    return both.system.slot(both.system.running, number).address


def test_t1_an_error_changes_nothing() -> None:
    refused = 0
    for number in range(2):
        walk, pick = Walk(), random.Random(f"T1 {number}").choice
        for _ in range(150):
            walk.do(picked(pick, walk.both))  # Lockstep compares all of memory
            refused += walk.both.status != 0
    assert refused > 50


def test_t2_rights_never_grow_and_badges_never_change() -> None:
    for walk, _ in walks(2, 150, "T2"):
        found = slots(read(walk.both.system))
        for row in found.values():
            parent = found.get(row[PARENT])
            if parent is None or parent[:2] != row[:2]:
                continue
            assert not row[RIGHTS] & ~parent[RIGHTS], f"{row} of {parent}\n{walk.both}"
            if Type[row[KIND]] in BADGED and parent[BADGE]:
                assert row[BADGE] == parent[BADGE], f"{row} of {parent}\n{walk.both}"


@pytest.mark.parametrize("slot", [At.UNTYPED, At.ENDPOINT, At.NOTIFICATION, At.FRAME, At.A])
@pytest.mark.parametrize("seed", range(2))
def test_t5_a_revocation_is_complete(slot: At, seed: int) -> None:
    both, pick = scene(), random.Random(f"T5 {slot} {seed}").choice
    for _ in range(20):  # copies of copies, anywhere
        both.trap(Chooser(pick, both).method(pick(TREE[4:7])))
    before = slots(read(both.system))
    target = slot_of(both, slot)
    assert target in before, f"{slot.name} has been moved away: this seed shows nothing"
    both.checking = False
    words = Words(Trap.CALL, Init.CNODE, label(Type.CNODE, "Revoke"), (slot, 64))
    doomed = below(before, target)
    assert doomed or slot == At.A, "nothing was derived from it: this seed shows nothing"
    if slot == At.UNTYPED:
        _only_the_first_runs(both)
    both.trap(words)
    after = slots(read(both.system))
    assert not below(after, target)
    assert after[target][:3] == before[target][:3]
    assert not doomed & after.keys()
    inside = set[int]()
    for address in doomed:
        inside |= held(before, address)
    gone = before.keys() - after.keys()
    assert gone <= doomed | inside, "something else has gone"


def _only_the_first_runs(both: Lockstep) -> None:
    """Suspend all threads but that which is made of nothing here."""
    for thread in (At.SECOND, At.FIRST, At.PASSIVE, At.THIRD):
        both.call(thread, Type.TCB, "Suspend")
    assert both.system.running.id == 1


def test_t6_a_deletion_takes_one_capability_and_gives_its_children_to_its_parent() -> None:
    seen = 0
    delete = label(Type.CNODE, "Delete")
    for walk, state in invocations("Copy Mint Delete Delete", 300, "T6"):
        if walk.last.label != delete:
            continue
        both, before, after = walk.both, slots(state), slots(read(walk.both.system))
        gone = before.keys() - after.keys()
        seen += bool(gone)
        for address in after.keys() & before.keys():
            parent = before[address][PARENT]
            while parent in gone:
                parent = before[parent][PARENT]
            assert after[address][PARENT] == parent, f"{both}"
        inside = {each for other in gone for each in held(before, other) - {other}}
        inside |= signalled(state)  # a handler's or a channel's ends with it
        assert len(gone - inside) <= 1, f"{both}"
    assert seen > 40


def test_t7_t8_new_objects_are_fresh_and_all_or_none_are_made() -> None:
    made = 0
    retype = label(Type.UNTYPED, "Retype")
    for walk, state in invocations("Retype Retype Retype Delete Revoke", 400, "T7"):
        if walk.last.label != retype:
            continue
        before, after = slots(state), slots(read(walk.both.system))
        if before.get(slot_of(walk.both, walk.last.rdi), ("",))[KIND] != "UNTYPED":
            continue  # a message to something else
        new = after.keys() - before.keys()
        assert len(new) == walk.last.words[5], f"{walk.both}"
        made += len(new)
        for address in new:
            _fresh(walk.both, after[address], before)
    assert made > 50


def _fresh(both: Lockstep, row: tuple[Any, ...], before: Slots) -> None:
    kind = Type[row[KIND]]
    bits = FIXED_BITS.get(kind, row[BITS] + (6 if kind is Type.CNODE else 0))
    for old in before.values():
        if old[OBJECT] == row[OBJECT] and old[KIND] not in ("UNTYPED", "IO_PORT", "IRQ_HANDLER"):
            raise AssertionError(f"{row} lies where {old} is\n{both}")
    if kind is Type.FRAME and row[OBJECT] < len(both.system.data):
        assert not any(both.system.data[row[OBJECT] : row[OBJECT] + (1 << bits)]), f"{both}"


@pytest.mark.parametrize("seed", range(4))
def test_t9_what_is_sent_is_received_once_or_never(seed: int) -> None:
    both, pick = scene(), random.Random(f"T9 {seed}").choice
    sent: dict[int, tuple[int, ...]] = {}
    received: set[int] = set()
    for token in range(1 << 40, (1 << 40) + 150):
        if both.idle:
            break
        words = tuple(token + n * (1 << 20) for n in range(pick((1, 3, 4, 7))))
        trap = pick((Trap.SEND, Trap.NB_SEND, Trap.NB_RECV, Trap.RECV, Trap.NB_RECV))
        threads = [Tcb(both.system.ram, each.tcb) for each in inspect.threads(both.system.root)]
        both.trap(Words(trap, At.ENDPOINT, 3, words))
        if trap in (Trap.SEND, Trap.NB_SEND):
            sent[token] = words
        for thread in threads:
            ready = thread.state == ThreadState.RUNNING and not thread.rax
            if ready and thread.rsi >> LABEL_SHIFT == 3 and thread.rdx in sent:
                got = both.system.words(thread)
                assert got == sent[got[0]], f"{both}"
                assert got[0] not in received, f"{both}"
                received.add(got[0])
                thread.rdx = thread.rsi = 0  # or it would seem to have it twice
                model = both.oracle.world.things[Type.TCB, thread.address]
                assert isinstance(model, Model)
                model.registers.update(rdx=0, rsi=0)
    assert len(received) > 10


LONG = {
    "revoke": (Init.CNODE, "CNODE.Revoke", (At.UNTYPED, 64), ()),
    "delete": (Init.CNODE, "CNODE.Delete", (At.A, 64), ()),
    "retype": (At.UNTYPED, "UNTYPED.Retype", (Type.CNODE, 6, 0, 0, At.FREE, 3), (Init.CNODE,)),
}


@pytest.mark.parametrize("name", LONG)
@pytest.mark.parametrize("limit", [1, 9, 40])
def test_t10_a_preempted_operation_ends_as_one_that_was_not(
    name: str, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = []
    for units in (1 << 40, limit):
        monkeypatch.setattr(preemption, "LIMIT", 1 << 40)
        both = _deep(name)
        monkeypatch.setattr(preemption, "LIMIT", units)
        slot, method, words, caps = LONG[name]
        kind, _, rest = method.partition(".")
        both.trap(Words(Trap.CALL, slot, label(Type[kind], rest), words, caps))
        assert both.status == 0
        ends.append((read(both.system), both.preempted))
    (once, none), (many, some) = ends
    assert none == 0
    assert some > 0 or limit == 40
    assert once == many


def _deep(name: str) -> Scene:
    """Return a scene with copies of copies, in which the thread runs that lives longest."""
    both = scene()
    for number in range(8):
        words = (At.FREE + 10 + number, 64, At.FREE + 9 + number if number else At.A, 64, 15)
        both.must(Init.CNODE, Type.CNODE, "Copy", *words, caps=(Init.CNODE,))
    if name == "delete":
        for number in range(8):
            both.must(Init.CNODE, Type.CNODE, "Delete", At.FREE + 10 + number, 64)
    if name == "revoke":
        _only_the_first_runs(both)
    return both


def test_t11_no_priority_is_above_what_its_authority_may_give() -> None:
    bound, pick = 120, random.Random("T11").choice
    walk = _bounded(bound)
    for _ in range(300):
        walk.do(picked(pick, walk.both))
        if walk.fresh:
            walk = _bounded(bound)
        for key, value in read(walk.both.system).items():
            if key[0] == "thread" and key[2] in ("priority", "maximum"):
                assert value <= bound, f"{key}\n{walk.both}"


def _bounded(priority: int) -> Walk:
    """Return a walk in which no thread has more than ``priority`` to give."""
    both = scene()
    both.must(Init.TCB, Type.TCB, "SetMCPriority", priority, caps=(Init.TCB,))
    return Walk(both)


def observed(secret: int) -> list[tuple[int, ...]]:
    """Return what a thread of domain 0 sees while another domain works on ``secret``."""
    both = scene(checking=False)
    system = both.system

    def call(name: str, *words: int, caps: tuple[int, ...] = ()) -> None:
        system.call(Init.DOMAIN, label(Type.DOMAIN, name), *words, caps=caps)

    call("ScheduleConfigure", 0, 0, 1 << 24)
    call("ScheduleConfigure", 1, 1, 1 << 24)
    call("Set", 1, caps=(At.SECOND,))
    call("ScheduleSetStart", 0)
    seen: list[tuple[int, ...]] = []
    secret_thread = system.slot(system.running, At.SECOND).object
    for step in range(120):
        thread = system.running
        if thread.address == secret_thread:
            trap = (Trap.YIELD, Trap.DEBUG_PUT_CHAR)[secret & 1]
            system.syscall(trap, secret, 0, (secret,) * 4)
            thread.rbx = secret
        else:
            describe = info(label(Type.UNTYPED, "Describe"), 0)
            system.syscall(Trap.CALL, At.SMALL, describe, (step,))
            seen.append((thread.address, thread.rax, *system.words(thread)))
        system.block.now += 1 << 20
    return seen


def test_t12_a_domain_does_not_see_what_another_does() -> None:
    one, other = observed(2), observed(2**32 + 5)  # which make other traps, too
    assert one == other
    assert 0 < len(one) < 120, "one of the domains never ran"
