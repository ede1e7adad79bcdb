"""T3 and T4: a thread that has little can get no more, and change nothing else."""

from __future__ import annotations

import random
from collections import defaultdict
from typing import Any

import pytest

from tests.properties.abstraction import State, read
from tests.properties.arguments import Chooser
from tests.properties.lockstep import Abandoned, Words
from tests.properties.scene import At, Scene, scene
from tests.properties.slots import KIND, OBJECT, PARENT, RIGHTS, slots
from tests.properties.walk import TREE
from vectoros.kernel import derivation
from vectoros.kernel.abi import Trap
from vectoros.kernel.objects import SLOT_BITS, Right, Type
from vectoros.kernel.process_layout import Init
from vectoros.kernel.tcb import CSPACE, Tcb
from vectoros.kernel_image import inspect

RADIX, GUARD = 3, 61
"""Of the CNode that is the whole CSpace: an address is the number of a slot."""

OWN, UNTYPED, SENDER, SIGNAL, FRAME = range(3, 8)
"""Slots of the capabilities to that CNode, to memory, and to what belongs to others too."""

GIVEN = {UNTYPED: At.SMALL, SENDER: At.SENDER, SIGNAL: At.SIGNAL, FRAME: At.FRAME}


def confined(both: Scene) -> range:
    """Let the first thread run alone, in a CSpace of 8 slots; return its untyped's memory."""
    both.trap(Words(Trap.WAIT, At.NOTIFICATION))  # the third, which is above it
    for index, source in GIVEN.items():
        words = (index, RADIX, source, 64, 15)
        both.must(At.A, Type.CNODE, "Copy", *words, caps=(Init.CNODE,))
    both.must(At.A, Type.CNODE, "Mint", OWN, RADIX, At.A, 64, 15, GUARD, caps=(Init.CNODE,))
    both.must(At.A, Type.CNODE, "Delete", 0, RADIX)
    for other in (At.SECOND, At.THIRD, At.PASSIVE, Init.TCB):
        both.must(other, Type.TCB, "Suspend")
    both.must(At.FIRST, Type.TCB, "SetSpace", GUARD, 0, caps=(0, At.A, Init.PML4))
    untyped = both.system.slot(both.system.running, UNTYPED)
    return range(untyped.object, untyped.object + untyped.size)


class Prison:
    """A scene in which the thread that runs has little, and how it was at first."""

    def __init__(self) -> None:
        self.both = scene()
        self.memory = confined(self.both)
        self.thread = self.both.system.running
        node = self.thread.slot(CSPACE).object
        self.slots = range(node, node + (1 << RADIX + SLOT_BITS))
        self.start = read(self.both.system)
        self.given: dict[tuple[str, int], int] = defaultdict(int)
        """Rights to each object that it has at first."""
        for row in self.reached(self.start):
            self.given[row[:2]] |= row[RIGHTS]

    def reached(self, state: State) -> list[tuple[Any, ...]]:
        """Return the capabilities that the thread has, or could make itself."""
        return [
            row for address, row in slots(state).items()
            if address in self.slots or address in self.memory
        ]  # fmt: skip

    def check(self) -> None:
        """T3 and T4: nothing gained, and nothing else changed."""
        now = read(self.both.system)
        for row in self.reached(now):
            if row[OBJECT] not in self.memory:
                assert row[:2] in self.given, f"gained {row}\n{self.both}"
                more = row[RIGHTS] & ~self.given[row[:2]]
                assert not more, f"gained rights {more:#x} to {row}\n{self.both}"
        for key, value in self.start.items():
            if key[0] == "slot" and key[1] not in self.slots and key[1] not in self.memory:
                allowed = value[KIND] == "UNTYPED" and value[OBJECT] in self.memory
                row = now.get(key, ())
                same = allowed or row[:PARENT] == value[:PARENT]
                assert same, f"{key} {value} {row}\n{self.both}"
            if key[0] == "thread" and key[1] != self.thread.address and key[2] != "buffer":
                assert now[key] == value, f"{key} {value}\n{self.both}"
            if key[0] in ("context", "policy", "entry", "pool"):
                assert now.get(key) == value, f"{key}\n{self.both}"


@pytest.mark.parametrize("seed", range(3))
def test_t3_t4_who_has_little_gets_no_more_and_changes_nothing_else(seed: int) -> None:
    prison, pick = Prison(), random.Random(f"T3 {seed}").choice
    accepted = 0
    for _ in range(120):
        both = prison.both
        chooser = Chooser(pick, both)
        if pick((True, False, False)):
            words = chooser.message(pick((Trap.SEND, Trap.NB_SEND, Trap.NB_RECV)))
        else:
            words = chooser.method(pick(TREE))
        try:
            both.trap(words)
        except Abandoned:
            prison = Prison()
            continue
        accepted += words.trap == Trap.CALL and both.status == 0
        prison.check()
        if both.idle:
            prison = Prison()
    assert accepted > 10


def test_a_capability_that_leaks_is_noticed() -> None:
    prison = Prison()
    found = slots(prison.start).items()
    secret = next(at for at, row in found if row[:2] not in prison.given and row[KIND] == "TCB")
    derivation.derive(prison.both.system.ram, secret, prison.slots.start)
    with pytest.raises(AssertionError, match=r"gained \('TCB', "):
        prison.check()


def test_a_right_that_leaks_is_noticed() -> None:
    prison = Prison()
    prison.both.system.slot(prison.thread, SIGNAL).rights |= Right.READ
    with pytest.raises(AssertionError, match=r"gained rights 0x2 to \('NOTIFICATION', "):
        prison.check()


def test_a_thread_that_is_changed_from_outside_is_noticed() -> None:
    prison = Prison()
    system = prison.both.system
    other = next(t.tcb for t in inspect.threads(system.root) if t.tcb != prison.thread.address)
    Tcb(system.ram, other).priority += 1
    with pytest.raises(AssertionError, match=r"\('thread', .*, 'priority'\)"):
        prison.check()
