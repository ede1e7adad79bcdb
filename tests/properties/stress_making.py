"""How a root thread makes a process: of an untyped of its own, trap by trap.

What it makes of an untyped it moves into the new process's CNode. It keeps the untyped, and
the CNode, without which it would find nothing again; both are in tables of its own.
"""

from __future__ import annotations

from enum import IntEnum

from tests.properties.stress_model import Process
from tests.properties.stress_root import CODE, DEPTH, POOL, START, TABLE, TABLE_BITS, At, Root
from vectoros.kernel import message
from vectoros.kernel.abi import Trap
from vectoros.kernel.errors import Error
from vectoros.kernel.objects import PAGE_BITS, Right, Type
from vectoros.kernel.process_layout import Init
from vectoros.kernel.tcb import Tcb
from vectoros.units import PAGE_SIZE

MEMORY_BITS = 15
"""Of a process: 32 KiB, of which pages and their tables take 24."""

HELD = At.PAGES - At.REPLIES
"""Calls that can be left unanswered at a time."""

BUFFER = CODE + PAGE_SIZE
BUDGET, PERIOD = 1 << 32, 1 << 40
"""More ticks than a test takes."""


class Own(IntEnum):
    """Slots of a process's CNode."""

    TCB = 1
    PML4 = 2
    PDPT = 3
    PD = 4
    PT = 5
    CODE = 6
    BUFFER = 7
    CONTEXT = 8
    REPLY = 9
    SERVER = 10
    PEERS = 11
    GATE = 12
    TABLE = 13


OWN_BITS = 4
GUARD = DEPTH - OWN_BITS
"""As Configure wants it: all address bits that are left, which are 0."""

MOVED = (
    (At.TCB, Own.TCB), (At.PML4, Own.PML4), (At.PDPT, Own.PDPT), (At.PD, Own.PD),
    (At.PT, Own.PT), (At.CODE, Own.CODE), (At.BUFFER, Own.BUFFER), (At.CONTEXT, Own.CONTEXT),
)  # fmt: skip
TABLES = ((Type.PDPT, At.PDPT), (Type.PD, At.PD), (Type.PT, At.PT))


class Maker(Root):
    """The root thread, with memory for so many processes, and with what they all use."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count
        self.newest = 0
        """Id of the thread that was made last."""
        self.pools: list[int] = [Init.ASID_POOL]
        self.large, small, *_ = self.memory()
        self._share(small)
        self.divide()

    def divide(self) -> None:
        """Make an untyped for each process."""
        for first in range(0, self.count, TABLE):
            table, count = At.UNTYPEDS + first // TABLE, min(TABLE, self.count - first)
            self.retype(Type.UNTYPED, 0, MEMORY_BITS, count, untyped=self.large, table=table)

    def _share(self, small: int) -> None:
        tables = -(-self.count // TABLE)
        for first in (At.UNTYPEDS, At.CNODES):
            self.retype(Type.CNODE, first, TABLE_BITS, tables, untyped=small)
        self.retype(Type.ENDPOINT, At.SERVER, count=2, untyped=small)
        self.retype(Type.NOTIFICATION, At.GATE, untyped=small)
        self.retype(Type.CHANNEL, At.BELL, PAGE_BITS, untyped=small)
        self.retype(Type.REPLY, At.REPLIES, count=HELD, untyped=small)
        self.must(At.BELL, Type.CHANNEL, "Configure", 0, 0, 8)
        self.must(At.BELL, Type.CHANNEL, "SetNotification", caps=(At.GATE,))
        while len(self.pools) * POOL < self.count + 1:
            page, pool = At.PAGES + len(self.pools), At.POOLS + len(self.pools)
            self.retype(Type.UNTYPED, page, PAGE_BITS, untyped=small)
            caps = page, Init.CNODE
            self.must(Init.ASID_CONTROL, Type.ASID_CONTROL, "MakePool", pool, DEPTH, caps=caps)
            self.pools.append(pool)

    def make(self, place: int, number: int, priority: int) -> Process:
        """Make a process of the memory at ``place``, and let it run."""
        index, untyped, cnode = self._at(place)
        self.move(index, At.WORK, out=untyped)
        self.retype(Type.CNODE, At.CNODE, OWN_BITS)
        self._make_space()
        self.retype(Type.TCB, At.TCB)
        self.retype(Type.SCHED_CONTEXT, At.CONTEXT)
        self.retype(Type.REPLY, Own.REPLY, table=At.CNODE)
        made = Process(place, number, priority, Tcb(self.ram, self.slot(At.TCB).object))
        new = made.thread.id
        assert new > self.newest, f"{made} has the id {new}, not one above {self.newest}"
        self.newest = new
        self._connect(made)
        self._start(made)
        for source, target in MOVED:
            self.move(source, target, into=At.CNODE, depth=OWN_BITS)
        self.move(At.CNODE, index, into=cnode)
        self.move(At.WORK, index, into=untyped)
        return made

    @staticmethod
    def _at(place: int) -> tuple[int, int, int]:
        """Return the index in the tables, and the slots of these."""
        return place % TABLE, At.UNTYPEDS + place // TABLE, At.CNODES + place // TABLE

    def _make_space(self) -> None:
        self.retype(Type.PML4, At.PML4)
        for kind, slot in TABLES:
            self.retype(kind, slot)
        self.retype(Type.FRAME, At.CODE, PAGE_BITS, 2)
        for page in (At.CODE, At.BUFFER):
            at = self.slot(page).object
            assert not any(self.ram.view[at : at + PAGE_SIZE]), f"page {at:#x} is not zero"
        answers = []
        for pool in self.pools:
            answers.append(self.invoke(pool, Type.ASID_POOL, "Assign", caps=(At.PML4,))[0])
            if answers[-1] != Error.DELETE_FIRST:
                break
        assert answers[-1] == Error.NO_ERROR, (
            f"no ASID is free: the pools say {answers}, {len(self.spaces())} are taken"
        )
        for kind, slot in TABLES:
            self.must(slot, kind, "Map", CODE, caps=(At.PML4,))
        self.must(At.CODE, Type.FRAME, "Map", CODE, Right.READ, 1, caps=(At.PML4,))
        access = Right.READ | Right.WRITE
        self.must(At.BUFFER, Type.FRAME, "Map", BUFFER, access, 0, caps=(At.PML4,))

    def _connect(self, made: Process) -> None:
        """Give it capabilities to what all of them use."""
        for source, target, rights, badge in (
            (At.SERVER, Own.SERVER, Right.WRITE | Right.GRANT_REPLY, made.number),
            (At.PEERS, Own.PEERS, Right.READ, 0),
            (At.GATE, Own.GATE, Right.READ, 0),
        ):
            self._mint(source, target, rights, badge)

    def _mint(self, source: int, target: int, rights: int, badge: int = 0) -> None:
        words = target, OWN_BITS, source, DEPTH, rights, badge
        self.must(At.CNODE, Type.CNODE, "Mint", *words, caps=(Init.CNODE,))

    def _start(self, made: Process) -> None:
        caps = At.CNODE, At.PML4, At.BUFFER
        self.must(At.TCB, Type.TCB, "Configure", GUARD, 0, BUFFER, caps=caps)
        self.must(At.TCB, Type.TCB, "SetPriority", made.priority, caps=(Init.TCB,))
        times = BUDGET, PERIOD if made.sporadic else BUDGET, 0, made.number, 0
        control = Init.SCHED_CONTROL
        self.must(control, Type.SCHED_CONTROL, "Configure", *times, caps=(At.CONTEXT,))
        self.must(At.CONTEXT, Type.SCHED_CONTEXT, "Bind", caps=(At.TCB,))
        made.asked = 1
        self.write_buffer(made)
        rdx, r10, r8, r9, _ = words = made.says
        info = message.info(0, len(words))
        registers = START, 0, 0, Trap.CALL, 0, 0, rdx, info, Own.SERVER, 0, r8, r9, r10
        self.must(At.TCB, Type.TCB, "WriteRegisters", 1, len(registers), *registers)

    def _fetch(self, process: Process, own: int, slot: int) -> None:
        """Move a capability of a process to the root thread's ``slot``."""
        index, _, cnode = self._at(process.place)
        self.move(index, At.CNODE, out=cnode)
        self.move(own, slot, out=At.CNODE, depth=OWN_BITS)

    def _put_back(self, process: Process, own: int, slot: int) -> None:
        """Move it back."""
        index, _, cnode = self._at(process.place)
        self.move(slot, own, into=At.CNODE, depth=OWN_BITS)
        self.move(At.CNODE, index, into=cnode)

    def write_buffer(self, process: Process) -> None:
        """Write the word of a message that is not in a register."""
        at = process.thread.buffer + message.IPC_MESSAGE >> 3
        self.ram.words[at + message.REGISTERS] = process.says[message.REGISTERS]

    def suspend(self, process: Process) -> None:
        """Suspend the thread of a process."""
        self._fetch(process, Own.TCB, At.TCB)
        self.must(At.TCB, Type.TCB, "Suspend")
        self._put_back(process, Own.TCB, At.TCB)

    def resume(self, process: Process) -> None:
        """Let it make the trap again that it waited in."""
        self._fetch(process, Own.TCB, At.TCB)
        self.must(At.TCB, Type.TCB, "Resume")
        self._put_back(process, Own.TCB, At.TCB)

    def arm(self, process: Process) -> None:
        """Give a process the table of untypeds, so that it can end itself."""
        index, untyped, cnode = self._at(process.place)
        self.move(index, At.CNODE, out=cnode)
        self._mint(untyped, Own.TABLE, 0)
        self.move(At.CNODE, index, into=cnode)

    def revoke(self, place: int) -> None:
        """Take back all that was made of the memory at ``place``."""
        index, untyped, _ = self._at(place)
        self.must(untyped, Type.CNODE, "Revoke", index, TABLE_BITS)

    def revoke_all(self) -> None:
        """Take back the memory of all processes."""
        before = self.traps
        self.must(Init.CNODE, Type.CNODE, "Revoke", self.large, DEPTH)
        assert self.traps > before + 1, "nothing so large was preempted"

    def take_whole(self, place: int) -> None:
        """Make one object of all the memory at ``place``, which must be free, and delete it."""
        index, untyped, _ = self._at(place)
        self.move(index, At.WORK, out=untyped)
        self.retype(Type.UNTYPED, At.CNODE, MEMORY_BITS)
        self.must(Init.CNODE, Type.CNODE, "Delete", At.CNODE, DEPTH)
        self.move(At.WORK, index, into=untyped)
