"""Messages that the stubs deliver without the kernel: the same as those that it delivers."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from tests.guest.test_processes import System, program
from tests.kernel_stubs.direct import names
from tests.kernel_stubs.stubs import kernel as stubs
from vectoros.kernel import derivation
from vectoros.kernel.abi import State, Trap
from vectoros.kernel.audit import Event
from vectoros.kernel.objects import Type
from vectoros.kernel.process_layout import Init
from vectoros.kernel.root import Root
from vectoros.kernel.sched_context import SchedContext
from vectoros.kernel.slot import Slot
from vectoros.kernel.tcb import CSPACE, Tcb
from vectoros.kernel_image import inspect, invariants
from vectoros.units import PAGE_SIZE

TRIPLE = (
    program("back", "relay.S", grants='"inspect"')
    + program("front", "relay.S", grants='"inspect"')
    + program("caller", "caller.S")
)
CALLS = 240
"""Of caller.S; one in six has five words and is the kernel's to deliver."""


class Chain(System):
    """``caller`` calls ``front``, which calls ``back``, if ``nested``; both are passive."""

    def __init__(self, path: Path, *, fast: bool, nested: bool, engine: str = "fast") -> None:
        self.nested, self.traps, self.booted = nested, 0, False
        super().__init__(engine, path, TRIPLE)
        if not fast:
            self._write_jump("fast_path", "gate")

    def _write_jump(self, source: str, target: str) -> None:
        symbols = stubs().symbols
        where = symbols[source] - names()["KERNEL_VIRTUAL"] + names()["KERNEL_LOAD"]
        distance = symbols[target] - symbols[source] - 5
        self.memory.write(where, struct.pack("<Bi", 0xE9, distance))

    def _trap(self, block: int) -> None:
        super()._trap(block)
        self.traps += 1
        if not self.booted:
            self.booted = True
            self._connect()

    def _connect(self) -> None:
        """After BOOT: give the endpoints; once both servers wait, take their time away."""
        self.root = Root(self.ram, self.word(self.machine.pc.gate.block + names()["GATE_ROOT"]))
        self.back, self.front, self.caller = (
            Tcb(self.ram, thread.tcb) for thread in inspect.threads(self.root)
        )
        for owner, user, number, badge in (
            (self.back, self.back, 28, 0),
            (self.back, self.front, 29, 5),
            (self.front, self.front, 28, 0),
            (self.front, self.caller, 28, 9),
        ):
            source = self.slot(owner, Init.ENDPOINT)
            made = derivation.derive(self.ram, source.address, self.slot(user, number).address)
            made.badge = badge
        self.front.r14 = int(self.nested)
        self.caller.state = State.INACTIVE
        self.root.processor.remove(self.caller.address)

    def slot(self, thread: Tcb, number: int) -> Slot:
        return Slot(self.ram, thread.slot(CSPACE).object + number * 64)

    def start(self) -> None:
        """Run until both servers wait, make them passive, and let the caller go."""
        self.machine.run(for_="1ms")
        for server in (self.back, self.front):
            assert server.state == State.BLOCKED_ON_RECEIVE
            SchedContext(self.ram, server.sched_context).tcb = 0
            server.sched_context = 0
            server.priority = 101
        self.caller.state = State.RUNNING
        self.root.processor.wake(self.caller.address, self.machine.clock.now)
        self.traps = 0
        self.machine.run(for_="40ms")
        assert self.caller.fault == names()["FAULT_USER_EXCEPTION"]

    def comparable(self) -> bytearray:
        """Return memory without what tells the time or how a trap went."""
        data = bytearray(self.memory.ram.view[: self.memory.size])
        block = self.machine.pc.gate.block
        data[block : block + PAGE_SIZE] = bytes(PAGE_SIZE)
        processor = self.root.processor
        for name in ("started", "idle", "timer", "budget_end"):
            self._erase(data, processor.address + processor.fields[name].offset)
        for thread in (self.back, self.front, self.caller):
            self._erase(data, thread.address + Tcb.fields["consumed"].offset)
        for address in inspect.objects(self.root, Type.SCHED_CONTEXT):
            for name in ("consumed", "left"):
                self._erase(data, address + SchedContext.fields[name].offset)
        code = stubs().symbols["fast_path"] - names()["KERNEL_VIRTUAL"] + names()["KERNEL_LOAD"]
        data[code : code + 5] = bytes(5)
        return data

    @staticmethod
    def _erase(data: bytearray, at: int) -> None:
        data[at : at + 8] = bytes(8)


def difference(one: bytearray, other: bytearray) -> str:
    """Return where two memories differ, in words."""
    found = [
        f"{at:#x}: {one[at : at + 8].hex()} {other[at : at + 8].hex()}"
        for at in range(0, len(one), 8)
        if one[at : at + 8] != other[at : at + 8]
    ]
    return "\n".join(found[:20])


@pytest.mark.parametrize("nested", [False, True])
def test_every_message_arrives_as_the_kernel_would_deliver_it(nested: bool, tmp_path: Path) -> None:
    chains = {}
    for fast in (False, True):
        chains[fast] = Chain(tmp_path, fast=fast, nested=nested)
        chains[fast].start()
        invariants.check(chains[fast].root)
    slow, quick = chains[False], chains[True]
    assert difference(slow.comparable(), quick.comparable()) == ""
    each = 4 if nested else 2
    assert slow.traps >= CALLS * each
    assert quick.traps < CALLS * each / 6 + 60, "the fast path is not taken"


def test_the_portable_engine_takes_it_too(tmp_path: Path) -> None:
    chain = Chain(tmp_path, fast=True, nested=True, engine="portable")
    chain.start()
    invariants.check(chain.root)
    assert chain.traps < CALLS


def test_a_thread_whose_policy_was_revoked_gets_nothing_past_the_kernel(tmp_path: Path) -> None:
    chain = Chain(tmp_path, fast=True, nested=False)
    chain.machine.run(for_="1ms")
    chain.caller.restricted = 1
    chain.start()
    invariants.check(chain.root)
    assert chain.traps >= CALLS, "the fast path was taken"
    denied = [row for row in inspect.audit(chain.root) if row.event is Event.DENIED]
    assert {(row.subject, row.label) for row in denied} == {(chain.caller.id, Trap.CALL)}
