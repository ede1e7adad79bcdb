"""Transitions T1 to T12: what a trap may change, compared before and after.

The walks of tests/properties/test_lockstep.py check T1 at each refusal, and T10 at each
preemption, too. Here every property stands by itself, on the kernel's memory alone.
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
from tests.properties.scene import LINE, THREADS, At, Scene, scene
from tests.properties.walk import TREE, Interrupt, Walk, invoked, picked
from vectoros.kernel import preemption
from vectoros.kernel.abi import State as ThreadState
from vectoros.kernel.abi import Trap
from vectoros.kernel.methods import label
from vectoros.kernel.objects import FIXED_BITS, Type
from vectoros.kernel.process_layout import Init
from vectoros.kernel.tcb import Tcb
from vectoros.kernel_image import inspect

KIND, OBJECT, RIGHTS, BADGE, BITS, PARENT = 0, 1, 2, 3, 5, 8
"""Columns of a slot in the abstract state."""

Slots = dict[int, tuple[Any, ...]]


def slots(state: State) -> Slots:
    return {key[1]: value for key, value in state.items() if key[0] == "slot"}


def children(found: Slots) -> dict[int, set[int]]:
    lines: dict[int, set[int]] = {address: set() for address in found}
    for address, row in found.items():
        lines.setdefault(row[PARENT], set()).add(address)
    return lines


def below(found: Slots, slot: int) -> set[int]:
    lines = children(found)
    left, seen = [slot], set[int]()
    while left:
        inner = lines.get(left.pop(), set())
        seen |= inner
        left += inner
    return seen


def held(found: Slots, slot: int) -> set[int]:
    """Return the slots that lie in the objects of the capabilities in ``slot`` and below it."""
    spans = []
    for address in {slot, *below(found, slot)}:
        row = found[address]
        if row[KIND] in ("CNODE", "TCB"):
            size = 1 << (row[BITS] + 6 if row[KIND] == "CNODE" else FIXED_BITS[Type.TCB])
            spans.append(range(row[OBJECT], row[OBJECT] + size))
    return {address for address in found if any(address in span for span in spans)}


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


def confined(both: Scene) -> range:
    """Let the first thread run alone, in a CSpace of 8 slots; return its untyped's memory."""
    both.trap(Words(Trap.WAIT, At.NOTIFICATION))  # the third, which is above it
    move = (At.A, 3), (At.SMALL, 4), (At.SENDER, 5), (At.SIGNAL, 6), (At.FRAME, 7)
    for source, index in move:
        words = (index, 3, source, 64, 15, 61 if source == At.A else 0)
        if source in (At.A, At.SMALL, At.FRAME):
            both.must(At.A, Type.CNODE, "Mint", *words, caps=(Init.CNODE,))
        else:
            both.must(At.A, Type.CNODE, "Copy", *words[:5], caps=(Init.CNODE,))
    both.must(At.A, Type.CNODE, "Delete", 0, 3)
    for other in (At.SECOND, At.PASSIVE, Init.TCB):
        both.must(other, Type.TCB, "Suspend")
    small = both.oracle.world.current
    assert small is not None
    caps = (0, At.A, Init.PML4)
    both.must(At.FIRST, Type.TCB, "SetSpace", 61, 0, caps=caps)
    cap = Chooser(random.Random(0).choice, both).places[4].slot.cap
    assert cap is not None
    return range(cap.thing.address, cap.thing.address + (1 << cap.bits))


@pytest.mark.parametrize("seed", range(3))
def test_t3_t4_who_has_little_gets_no_more_and_changes_nothing_else(seed: int) -> None:
    both, pick = scene(), random.Random(f"T3 {seed}").choice
    memory = confined(both)
    start = read(both.system)
    thread = both.system.running
    reachable = {
        (row[KIND], row[OBJECT]) for row in slots(start).values() if row[OBJECT] not in memory
    }
    node = thread.slot(0x400).object
    mine = {row[:2] for address, row in slots(start).items() if node <= address < node + 8 * 64}
    for _ in range(120):
        if both.idle:
            break
        chooser = Chooser(pick, both)
        rows = [*TREE, *TREE]
        kind = pick(("method", "method", "send"))
        if kind == "send":
            both.trap(chooser.message(pick((Trap.SEND, Trap.NB_SEND, Trap.NB_RECV))))
        else:
            both.trap(chooser.method(pick(rows)))
        now = read(both.system)
        inside = [
            row for address, row in slots(now).items()
            if node <= address < node + 8 * 64 or address in memory
        ]  # fmt: skip
        gained = {row[:2] for row in inside if row[1] not in memory} - mine
        assert not gained, f"gained {gained}\n{both}"
        _unchanged(start, now, thread, node, memory, both)
    assert reachable


def _unchanged(
    start: State, now: State, thread: Tcb, node: int, memory: range, both: Lockstep
) -> None:
    """T4: what the thread has no capability to is as it was."""
    for key, value in start.items():
        if key[0] == "slot" and not node <= key[1] < node + 8 * 64 and key[1] not in memory:
            allowed = value[KIND] == "UNTYPED" and value[OBJECT] in memory
            row = now.get(key, ())
            assert allowed or row[:PARENT] == value[:PARENT], f"{key} {value} {row}\n{both}"
        if key[0] == "thread" and key[1] != thread.address:
            assert now[key] == value or key[2] in ("buffer",), f"{key} {value}\n{both}"
        if key[0] in ("context", "policy", "entry", "pool"):
            assert now.get(key) == value, f"{key}\n{both}"


@pytest.mark.parametrize("slot", [At.UNTYPED, At.ENDPOINT, At.NOTIFICATION, At.FRAME, At.A])
@pytest.mark.parametrize("seed", range(2))
def test_t5_a_revocation_is_complete(slot: At, seed: int) -> None:
    both, pick = scene(), random.Random(f"T5 {slot} {seed}").choice
    for _ in range(20):  # copies of copies, anywhere
        both.trap(Chooser(pick, both).method(pick(TREE[4:7])))
    before = slots(read(both.system))
    target = slot_of(both, slot)
    if target not in before:
        pytest.skip("it has been moved away")
    both.checking = False
    words = Words(Trap.CALL, Init.CNODE, label(Type.CNODE, "Revoke"), (slot, 64))
    doomed = below(before, target)
    mortal = slot == At.UNTYPED
    both.trap(words) if not mortal else _revoke_all(both, words)
    after = slots(read(both.system))
    assert not below(after, target)
    assert after[target][:3] == before[target][:3]
    assert not doomed & after.keys()
    inside = set[int]()
    for address in doomed:
        inside |= held(before, address)
    gone = before.keys() - after.keys()
    assert gone <= doomed | inside, "something else has gone"


def _revoke_all(both: Lockstep, words: Words) -> None:
    """Let the thread that is made of nothing here revoke: the others are below the untyped."""
    for thread in THREADS[1::-1]:
        both.call(thread, Type.TCB, "Suspend")
    both.call(At.PASSIVE, Type.TCB, "Suspend")
    both.call(At.THIRD, Type.TCB, "Suspend")
    assert both.system.running.id == 1
    both.trap(words)


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
            if ready and thread.rsi >> 12 == 3 and thread.rdx in sent:
                got = both.system.words(thread)
                if thread.rax == 0 and got and got[0] not in received:
                    assert got == sent[got[0]], f"{both}"
                    received.add(got[0])
                thread.rdx = thread.rsi = 0
                model = both.oracle.world.things[Type.TCB, thread.address]
                model.registers.update(rdx=0, rsi=0)  # type: ignore[attr-defined]
                continue
    assert received <= sent.keys()


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
        for thread in (At.PASSIVE, At.SECOND, At.FIRST, At.THIRD):
            both.must(thread, Type.TCB, "Suspend")
        assert both.system.running.id == 1
    return both


def test_t11_no_priority_is_above_what_its_authority_may_give() -> None:
    bound = 120
    for number in range(2):
        both, pick = scene(), random.Random(f"T11 {number}").choice
        both.must(Init.TCB, Type.TCB, "SetMCPriority", bound, caps=(Init.TCB,))
        walk = Walk(both)
        for _ in range(200):
            walk.do(picked(pick, walk.both))
            if walk.fresh:
                break
            for key, value in read(both.system).items():
                if key[0] == "thread" and key[2] in ("priority", "maximum"):
                    assert value <= bound, f"{key}\n{both}"


def observed(secret: int) -> list[tuple[int, ...]]:
    """Return what a thread of domain 0 sees while another domain works on ``secret``."""
    both = scene(checking=False)
    control = Init.DOMAIN
    system = both.system

    def call(name: str, *words: int, caps: tuple[int, ...] = ()) -> None:
        row = Words(Trap.CALL, control, label(Type.DOMAIN, name), words, caps)
        for register, value in row.registers.items():
            setattr(system.running, register, value)
        system.give_capability(system.running, caps[0] if caps else 0)
        system.syscall(Trap.CALL, control, row.registers["rsi"], words)

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
            row = label(Type.UNTYPED, "Describe")
            system.syscall(Trap.CALL, At.SMALL, row << 12, (step,))
            seen.append((thread.address, thread.rax, *system.words(thread)))
        system.block.now += 1 << 20
    return seen


def test_t12_a_domain_does_not_see_what_another_does() -> None:
    one, other = observed(2), observed(2**32 + 4)
    assert one == other
    assert len({row[0] for row in one}) >= 1
    assert len(one) < 120, "the other domain never ran"
