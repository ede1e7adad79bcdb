"""The hands of a thread that has all memory, and where it keeps what it makes."""

from __future__ import annotations

from enum import IntEnum

from tests.kernel.system import MIB, Spec, memory_of, serve_boot
from vectoros.kernel import message, queue
from vectoros.kernel.abi import Trap
from vectoros.kernel.errors import Error
from vectoros.kernel.frame import SYSCALL_BYTES
from vectoros.kernel.gate import Reason
from vectoros.kernel.methods import label
from vectoros.kernel.objects import Type
from vectoros.kernel.process_layout import Grant, Init
from vectoros.kernel.root import ASID_POOLS, MAX_ASID_POOLS
from vectoros.kernel.slot import SIZE, Slot
from vectoros.kernel_image import inspect

MEMORY = 64 * MIB
PRIORITY = 255

CODE = 0x40_0000
START, RETURNED = CODE, CODE + SYSCALL_BYTES
"""Where every thread is before its SYSCALL, and behind it."""

DEPTH = 64
"""Bits of the address of a slot of the root thread's own CNode."""

TABLE_BITS = 8
TABLE = 1 << TABLE_BITS
"""Slots of the CNodes in which it keeps what it has of the processes."""

POOL = 512


class At(IntEnum):
    """Slots of the root thread's CNode. Only what is there can be invoked."""

    WORK = 160
    """For the untyped that something is made of; the others are for what is made."""
    CNODE = 161
    TCB = 162
    PML4 = 163
    PDPT = 164
    PD = 165
    PT = 166
    CODE = 167
    BUFFER = 168
    CONTEXT = 169

    SERVER = 170
    """The endpoint at which it is called."""
    PEERS = 171
    GATE = 172
    """The notification that all processes wait for, and the channel that wakes them."""
    BELL = 173
    POOLS = 174
    UNTYPEDS = 180
    """First of the tables of the processes' memory."""
    CNODES = 186
    """First of the tables of their CNodes, in which all else can be found."""
    REPLIES = 192
    PAGES = 240


class Root:
    """The root thread of a system that has just been booted."""

    def __init__(self) -> None:
        data = memory_of([Spec("first", PRIORITY, Grant.INSPECT)], size=MEMORY)
        self.system = serve_boot(data)
        self.ram, self.thread = self.system.ram, self.system.running
        self.traps = 0

    @property
    def runs(self) -> bool:
        return self.system.block.next == self.thread.address

    def slot(self, number: int, table: int | None = None) -> Slot:
        """Return a slot of the root thread's, or of the CNode that is in one."""
        own = self.system.slot(self.thread, number if table is None else table)
        return own if table is None else Slot(self.ram, own.object + number * SIZE)

    def trap(self, trap: Trap, slot: int, info: int = 0, words: tuple[int, ...] = (),
             reply: int = 0) -> None:  # fmt: skip
        """Make a trap."""
        assert self.runs, f"thread {self.system.block.next:#x} runs, and not the root thread"
        self.traps += 1
        self.thread.rip = RETURNED
        self.system.syscall(trap, slot, info, words, r12=reply)

    def invoke(self, slot: int, kind: Type, name: str, *words: int,
               caps: tuple[int, ...] = ()) -> tuple[int, ...]:  # fmt: skip
        """Invoke a method; return status and answer."""
        info = message.info(label(kind, name), len(words))
        self.trap(Trap.CALL, slot, info | self.system.attach(self.thread, *caps), words)
        while self.thread.rip == START:  # it is preempted, and makes its trap again
            assert self.runs, f"in {kind.name}.{name}, who has a lower priority goes first"
            self.traps += 1
            self.thread.rip = RETURNED
            self.system.trap(Reason.SYSCALL)
        return (self.thread.rax, *self.system.words(self.thread))

    def must(self, slot: int, kind: Type, name: str, *words: int,
             caps: tuple[int, ...] = ()) -> tuple[int, ...]:  # fmt: skip
        """Invoke a method that is not refused; return the answer."""
        status, *answer = self.invoke(slot, kind, name, *words, caps=caps)
        assert status == Error.NO_ERROR, (
            f"{kind.name}.{name}{words} of slot {slot} with {caps}: {Error(status).name} {answer}"
        )
        return tuple(answer)

    def retype(self, kind: Type, at: int, bits: int = 0, count: int = 1, *, untyped: int = At.WORK,
               table: int = Init.CNODE) -> None:  # fmt: skip
        """Make objects, with capabilities in the slots from ``at`` of a table."""
        self.must(untyped, Type.UNTYPED, "Retype", kind, bits, 0, 0, at, count, caps=(table,))

    def move(self, source: int, target: int, *, out: int = Init.CNODE, into: int = Init.CNODE,
             depth: int = TABLE_BITS) -> None:  # fmt: skip
        """Move a capability from a slot of ``out`` to one of ``into``.

        ``depth`` counts in the one of the two that is not the root thread's own.
        """
        to_depth, from_depth = (DEPTH if cnode == Init.CNODE else depth for cnode in (into, out))
        words = target, to_depth, source, from_depth
        self.must(into, Type.CNODE, "Move", *words, caps=(out,))

    def memory(self) -> list[int]:
        """Return the slots of the untypeds of RAM of which all is free, the largest first."""
        found = []
        for slot in range(Init.UNTYPEDS, Init.MEMORY):
            status, *answer = self.invoke(slot, Type.UNTYPED, "Describe")
            if status == Error.NO_ERROR and not answer[2] and not answer[3]:
                found.append((answer[1], slot))
        return [slot for _, slot in sorted(found, reverse=True)]

    def spaces(self) -> list[int]:
        """Return the PML4s that have an ASID."""
        words = self.ram.words
        first = self.system.root.at + (ASID_POOLS >> 3)
        pools = [pool >> 3 for pool in words[first : first + MAX_ASID_POOLS].tolist() if pool]
        return [space for at in pools for space in words[at : at + POOL].tolist() if space]

    def waiting(self, slot: int) -> list[int]:
        """Return who waits at the endpoint or notification in a slot."""
        return list(queue.members(self.ram.words, self.slot(slot).object))

    def ready(self) -> list[int]:
        """Return who is ready, in the order in which they will run."""
        found = inspect.ready(self.system.root)
        assert {domain for domain, _ in found} <= {0}, f"ready in other domains: {found}"
        return [thread for line in found.values() for thread in line]
