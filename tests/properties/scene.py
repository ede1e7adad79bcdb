"""A small system in which everything can happen: made by traps, in lock step.

Four threads share one CSpace, so that whoever runs can do everything: three that have time,
one of them of a higher priority, and one that is passive and waits for a call. Small
CNodes lie in one another, so that indices collide, guards differ, and a revocation goes
deep.
"""

from __future__ import annotations

from enum import IntEnum
from functools import cache

from tests.kernel.system import Spec, System, memory_of, serve_boot
from tests.properties.lockstep import Lockstep, Words
from tests.properties.oracle.lookup import named
from tests.properties.oracle.supply import LEAST as MIN_BUDGET
from vectoros.kernel.abi import Trap
from vectoros.kernel.objects import Type
from vectoros.kernel.process_layout import Grant, Init

SIZE = 4 << 20
SLICE = 1 << 40
"""A budget that is more than any run of a test takes."""

SPACE = 1 << 39
"""Where nothing is mapped yet, and the first of each table can be."""


class At(IntEnum):
    """Where everything is in the CSpace, from 160 on."""

    UNTYPED = 160
    SMALL = 161
    PAGE = 162
    A = 163
    B = 164
    C = 165
    FIRST = 166
    SECOND = 167
    THIRD = 168
    PASSIVE = 169
    ENDPOINT = 170
    BADGED = 171
    SENDER = 172
    OTHER_ENDPOINT = 173
    NOTIFICATION = 174
    SIGNAL = 175
    REPLY = 176
    OTHER_REPLY = 177
    CONTEXT = 178
    OTHER_CONTEXT = 179
    FRAME = 180
    READ_ONLY = 181
    PDPT = 182
    PD = 183
    PT = 184
    PML4 = 185
    POLICY = 186
    LINE = 187
    PORTS = 188
    BUFFERS = 189
    LARGE = 193
    CHANNEL = 194
    CONTEXTS = 195
    HANDLER = 199
    OTHER_PT = 200
    OTHER_PD = 201
    OTHER_POLICY = 202
    READER = 203
    FREE = 204


THREADS = (At.FIRST, At.SECOND, At.THIRD, At.PASSIVE)
BUDGETS = (
    (SLICE, SLICE),
    (3 * MIN_BUDGET, 3 * MIN_BUDGET),
    (2 * MIN_BUDGET, 5 * MIN_BUDGET),
    (2 * MIN_BUDGET, 9 * MIN_BUDGET),
)
"""And periods: two in round robin, two that wait for more."""
PRIORITIES = (100, 100, 101, 120)
LINE = 4
PORTS = 0x3F8, 0x3FF


class Scene(Lockstep):
    """Both, and how the scene is set."""

    def retype(self, kind: Type, at: int, bits: int = 0, count: int = 1, *,
               source: int = At.UNTYPED) -> None:  # fmt: skip
        """Make objects in the slots from ``at``."""
        caps = (Init.CNODE,)
        self.must(source, Type.UNTYPED, "Retype", kind, bits, 0, 0, at, count, caps=caps)

    def must(
        self, slot: int, kind: Type, name: str, *args: int, caps: tuple[int, ...] = ()
    ) -> None:
        """Invoke a method that is not refused."""
        status = self.call(slot, kind, name, *args, caps=caps)
        assert status == 0, f"refused\n{self}"

    def mint(self, source: int, target: int, rights: int = 15, badge: int = 0) -> None:
        """Copy a capability within the CSpace."""
        words = (target, 64, source, 64, rights, badge)
        self.must(Init.CNODE, Type.CNODE, "Mint", *words, caps=(Init.CNODE,))


def raw() -> System:
    """Return a system with one thread, that of a process that has everything."""
    return serve_boot(memory_of([Spec("first", 255, Grant.INSPECT)], size=SIZE))


@cache
def _made() -> bytes:
    return bytes(build(Scene(raw())).system.data)


def scene(*, checking: bool = True) -> Scene:
    """Return a fresh scene."""
    made = System(bytearray(_made()))
    return Scene(made, checking=checking)


def build(both: Scene) -> Scene:
    """Set the scene."""
    both.retype(Type.UNTYPED, At.UNTYPED, 18, source=untyped(both, device=False))
    _objects(both)
    _capabilities(both)
    for index, thread in enumerate(THREADS):
        _thread(both, index, thread)
    # From now on whoever starts the schedule lets two domains take turns.
    for entry, ticks in enumerate((7 * MIN_BUDGET, 2 * MIN_BUDGET)):
        both.must(Init.DOMAIN, Type.DOMAIN, "ScheduleConfigure", entry, entry, ticks)
    both.must(Init.TCB, Type.TCB, "SetPriority", 1, caps=(Init.TCB,))
    # The passive one runs first, on a context that is then taken from it.
    both.trap(Words(Trap.RECV, At.OTHER_ENDPOINT, r12=At.OTHER_REPLY))
    both.must(At.CONTEXT, Type.SCHED_CONTEXT, "Unbind")
    both.must(At.PASSIVE, Type.TCB, "SetPriority", 100, caps=(At.THIRD,))
    return both


def untyped(both: Scene, *, device: bool) -> int:
    """Return the address of a boot untyped of at least 512 KiB that is all free."""
    thread = both.oracle.running
    assert thread is not None
    cspace = thread.cap("cspace")
    for number in range(Init.UNTYPEDS, Init.MEMORY):
        cap = named(cspace, number).cap
        if cap and cap.bits > 18 and not cap.badge and cap.device is device:
            return number
    raise AssertionError("there is no such memory")


def _objects(both: Scene) -> None:
    both.retype(Type.CNODE, At.A, 3)
    both.retype(Type.CNODE, At.B, 2)
    both.retype(Type.CNODE, At.C, 3)
    both.retype(Type.TCB, At.FIRST, count=4)
    for kind, slot, count in (
        (Type.ENDPOINT, At.ENDPOINT, 1),
        (Type.ENDPOINT, At.OTHER_ENDPOINT, 1),
        (Type.ENDPOINT, At.HANDLER, 1),
        (Type.NOTIFICATION, At.NOTIFICATION, 1),
        (Type.REPLY, At.REPLY, 2),
        (Type.SCHED_CONTEXT, At.CONTEXT, 2),
        (Type.SCHED_CONTEXT, At.CONTEXTS, 3),
        (Type.PDPT, At.PDPT, 1),
        (Type.PD, At.PD, 1),
        (Type.PT, At.PT, 1),
        (Type.PML4, At.PML4, 1),
        (Type.PT, At.OTHER_PT, 1),
        (Type.PD, At.OTHER_PD, 1),
        (Type.POLICY, At.POLICY, 1),
        (Type.POLICY, At.OTHER_POLICY, 1),
    ):
        both.retype(kind, slot, count=count)
    both.retype(Type.FRAME, At.BUFFERS, 12, 4)
    both.retype(Type.FRAME, At.FRAME, 12)
    both.retype(Type.CHANNEL, At.CHANNEL, 12)
    both.retype(Type.FRAME, At.LARGE, 21, source=untyped(both, device=True))
    both.retype(Type.UNTYPED, At.SMALL, 11)
    both.retype(Type.UNTYPED, At.PAGE, 12)


def _capabilities(both: Scene) -> None:
    both.mint(At.ENDPOINT, At.BADGED, 15, 0xBAD)
    both.mint(At.ENDPOINT, At.SENDER, 1, 7)
    both.mint(At.ENDPOINT, At.READER, 2)
    both.mint(At.NOTIFICATION, At.SIGNAL, 1, 0x10)
    both.mint(At.FRAME, At.READ_ONLY, 2)
    cspace = (Init.CNODE,)
    both.must(Init.IRQ_CONTROL, Type.IRQ_CONTROL, "Get", LINE, At.LINE, 64, caps=cspace)
    words = (*PORTS, At.PORTS, 64)
    both.must(Init.IO_PORT_CONTROL, Type.IO_PORT_CONTROL, "Issue", *words, caps=cspace)
    both.must(At.LINE, Type.IRQ_HANDLER, "SetNotification", caps=(At.SIGNAL,))
    both.must(At.LINE, Type.IRQ_HANDLER, "Ack")
    both.must(At.CHANNEL, Type.CHANNEL, "SetNotification", caps=(At.SIGNAL,))
    for kind, slot in ((Type.PDPT, At.PDPT), (Type.PD, At.PD), (Type.PT, At.PT)):
        both.must(slot, kind, "Map", SPACE, caps=(Init.PML4,))
    both.must(At.READ_ONLY, Type.FRAME, "Map", SPACE + 4096, 2, 0, caps=(Init.PML4,))
    # Into each other: A[0] leads to B, B[1] to C, behind a guard of two bits.
    for node, index, depth, source, guard in (
        (At.A, 0, 3, At.B, 0),
        (At.B, 1, 2, At.C, 1 << 6 | 2),
    ):
        guarded = (index, depth, source, 64, 15, guard)
        both.must(node, Type.CNODE, "Mint", *guarded, caps=cspace)


def _thread(both: Scene, index: int, thread: int) -> None:
    roots = (Init.CNODE, Init.PML4, At.BUFFERS + index)
    both.must(thread, Type.TCB, "Configure", 0, 0, 0x1000 * (index + 1), caps=roots)
    context = At.CONTEXTS + index if thread != At.PASSIVE else At.CONTEXT
    words, control = (*BUDGETS[index], index // 3, index, 0), Init.SCHED_CONTROL
    both.must(control, Type.SCHED_CONTROL, "Configure", *words, caps=(context,))
    caps = (Init.TCB, context, At.HANDLER)
    both.must(thread, Type.TCB, "SetSchedParams", 120, PRIORITIES[index], caps=caps)
    if thread == At.PASSIVE:
        both.must(thread, Type.TCB, "SetTimeoutEndpoint", caps=(At.HANDLER,))
    registers = (0x40_0000, 0x7000, 0x202)
    both.must(thread, Type.TCB, "WriteRegisters", 1, 3, *registers)
