"""A thread that invokes capabilities, and makes its trap again when it is told to.

The server of a pair runs. Its CNode has free slots, which tests use from :data:`FREE`;
:data:`TABLE` is a CNode of 16 slots without a guard, that is otherwise empty.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.kernel.system import System, pair
from vectoros.kernel import message
from vectoros.kernel.abi import State, Trap
from vectoros.kernel.frame import SYSCALL_BYTES
from vectoros.kernel.gate import Reason
from vectoros.kernel.methods import label
from vectoros.kernel.objects import Type
from vectoros.kernel.process_layout import Init
from vectoros.kernel.slot import SIZE, Slot
from vectoros.kernel.tcb import CSPACE, Tcb

FREE = 40
TABLE = 39
RADIX = 4
DEPTH = 64
"""Of the slots of the server's own CNode, which has a guard."""

_IP = 0x40_0002
"""Behind the SYSCALL."""


class Hand:
    """The hands of one thread."""

    def __init__(self, system: System | None = None) -> None:
        """Take over ``system``, or boot one and make the table."""
        self.system = system or pair()[0]
        self.ram = self.system.ram
        self.thread = self.system.running
        self.traps = 0
        """That the last method took."""
        self.between: Callable[[], None] | None = None
        """What happens between two of them."""
        if system is None:
            assert self.retype(Type.CNODE, RADIX, TABLE) == (0,)

    def copy(self) -> Hand:
        """Return the same thread of an equal system."""
        return Hand(self.system.copy())

    @property
    def memory(self) -> int:
        """The slot of the largest untyped, of which all is free but the table."""
        slots = range(Init.UNTYPEDS, Init.MEMORY)
        return max(slots, key=lambda n: self.slot(n).bits * (self.slot(n).type == Type.UNTYPED))

    def slot(self, number: int, cnode: int | None = None) -> Slot:
        """Return a slot of the thread's CNode, or of the one that is in a slot of it."""
        table = self.thread.slot(CSPACE) if cnode is None else self.slot(cnode)
        return Slot(self.ram, table.object + number * SIZE)

    def tcb(self, number: int) -> Tcb:
        """Return the thread that a capability is to."""
        return Tcb(self.ram, self.slot(number).object)

    def start(self, capability: int, kind: Type, name: str, *words: int,
              caps: tuple[int, ...] = ()) -> None:  # fmt: skip
        """Make the trap once."""
        self._take_turn()
        info = message.info(label(kind, name), len(words)) | self.system.attach(self.thread, *caps)
        self.thread.rip = _IP
        self.traps = 1
        self.system.syscall(Trap.CALL, capability, info, words)

    def _take_turn(self) -> None:
        """Let the others of the same priority yield, if they have got the processor."""
        while self.system.running.address != self.thread.address:
            self.system.syscall(Trap.YIELD)
            assert self.thread.state == State.RUNNING

    @property
    def again(self) -> bool:
        """Whether the thread is to make its trap again."""
        return self.thread.rip == _IP - SYSCALL_BYTES

    def repeat(self) -> None:
        """Make the trap again, as it was."""
        self._take_turn()
        self.thread.rip += SYSCALL_BYTES
        self.traps += 1
        self.system.trap(Reason.SYSCALL)

    def call(self, capability: int, kind: Type, name: str, *words: int,
             caps: tuple[int, ...] = ()) -> tuple[int, ...]:  # fmt: skip
        """Invoke; return the status and the message registers of the answer."""
        self.start(capability, kind, name, *words, caps=caps)
        while self.again:
            if self.between:
                self.between()
            self.repeat()
        return (self.thread.rax, *self.system.words(self.thread))

    def cnode(self, name: str, *words: int, caps: tuple[int, ...] | None = None,
              cnode: int = Init.CNODE) -> tuple[int, ...]:  # fmt: skip
        """Invoke a CNode; the other CNodes of the message are the thread's own."""
        roots = {"Rotate": 2, "Delete": 0, "Revoke": 0, "CancelBadgedSends": 0}.get(name, 1)
        others = (Init.CNODE,) * roots if caps is None else caps
        return self.call(cnode, Type.CNODE, name, *words, caps=others)

    def retype(self, kind: int, bits: int, offset: int, count: int = 1, *, index: int = 0,
               depth: int = 0, untyped: int | None = None,
               caps: tuple[int, ...] = (Init.CNODE,)) -> tuple[int, ...]:  # fmt: skip
        """Make objects of the largest untyped, with capabilities in the thread's own CNode."""
        words = (kind, bits, index, depth, offset, count)
        slot = self.memory if untyped is None else untyped
        return self.call(slot, Type.UNTYPED, "Retype", *words, caps=caps)

    def mint(self, source: int, target: int, badge: int | None = None, rights: int = 15) -> Slot:
        """Mint in the thread's own CNode, or copy; return the new capability."""
        words = (target, DEPTH, source, DEPTH, rights)
        answer = self.cnode("Copy", *words) if badge is None else self.cnode("Mint", *words, badge)
        assert answer == (0,)
        return self.slot(target)

    def revoke(self, number: int) -> tuple[int, ...]:
        """Revoke a capability of the thread's own CNode."""
        return self.cnode("Revoke", number, DEPTH)

    def delete(self, number: int) -> tuple[int, ...]:
        """Delete one."""
        return self.cnode("Delete", number, DEPTH)
