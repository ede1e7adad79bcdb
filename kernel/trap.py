"""One entry into the kernel: the request, and the response as it comes about."""

from __future__ import annotations

import struct

from vectoros.errors import hold
from vectoros.kernel import gate
from vectoros.kernel.abi import State
from vectoros.kernel.gate import Flag, Op
from vectoros.kernel.memory import Ram
from vectoros.kernel.root import PROCESSOR, Root
from vectoros.kernel.scheduler import Processor
from vectoros.kernel.tcb import Tcb

(_STATE,) = Tcb.indices("state")
_RUNS, _BUDGET_END = Processor.indices("current", "budget_end")
_REQUEST = gate.GateBlock.fields["current"].offset
_read_request = struct.Struct("<QQ8xQ").unpack_from
"""Of a gate block at ``_REQUEST``: ``current``, ``now`` and ``root``."""

_RESPONSE = gate.GateBlock.fields["next_cr3"].offset
"""From here on are the fields that are not written in every response (kernel/dispatch.py)."""

_EMPTY = bytes(gate.OPS - _RESPONSE)

_OPS = gate.OPS
_MAX_INVALIDATIONS = 8
"""Operations after which forgetting all pages is less work; it leaves room for others."""


class Trap:
    """What one trap works with. It is made when the doorbell rings and gone after."""

    __slots__ = (
        "_processor", "_root", "block", "caller", "cost", "cpu", "flags", "now", "ops", "ram",
        "woken", "words", "yielded_to",
    )  # fmt: skip

    def __init__(self, ram: Ram, block: int) -> None:
        """Read the request in the gate block at ``block`` and empty the response."""
        view = ram.view
        self.ram = ram
        self.words = ram.words
        self.block = block
        self.caller, self.now, root = _read_request(view, block + _REQUEST)
        self.cpu: int = root + PROCESSOR >> 3
        self.cost = 0
        self.flags = 0
        self.ops = 0
        self.woken = 0
        """Thread that has become runnable last, and is in no queue yet; 0: none."""
        self.yielded_to = 0
        """Thread that is to run before the caller, although that has its turn; 0: none."""
        self._processor: Processor | None = None
        self._root: Root | None = None
        view[block + _RESPONSE : block + _OPS] = _EMPTY

    @property
    def request(self) -> gate.GateBlock:
        """The gate block, of which the first half is the request."""
        return gate.GateBlock(self.ram, self.block)

    @property
    def thread(self) -> Tcb:
        """The thread that trapped."""
        return Tcb(self.ram, self.caller)

    @property
    def processor(self) -> Processor:
        """The processor that trapped; ``cpu`` is where it is, in words."""
        if self._processor is None:
            self._processor = Processor(self.ram, self.cpu << 3)
        return self._processor

    @property
    def root(self) -> Root:
        """The kernel's root object."""
        if self._root is None:
            self._root = Root(self.ram, (self.cpu << 3) - PROCESSOR)
        return self._root

    def wake(self, thread: int) -> None:
        """Let a thread that has become runnable be chosen, if it has a context.

        The last one of a trap is often who runs next, so it waits here to be asked for.
        """
        if self.woken not in (0, thread):
            self.queue_woken(self.now)
        self.woken = thread

    def queue_woken(self, now: int) -> None:
        """Put who was woken last where it will be chosen, unless that is no more to be."""
        thread, self.woken = self.woken, 0
        if self.words[(thread >> 3) + _STATE] == State.RUNNING:
            self.processor.wake(thread, now)

    def requeue(self, thread: int) -> None:
        """Put a thread, whose place in time has changed, where it will be chosen, if it can be."""
        self.processor.remove(thread)
        if self.words[(thread >> 3) + _STATE] == State.RUNNING:
            self.wake(thread)

    def decide_anew(self, thread: int) -> None:
        """Have what ``thread`` runs with looked at when the trap ends, if it is who runs."""
        if thread == self.words[self.cpu + _RUNS]:
            self.words[self.cpu + _BUDGET_END] = 0

    def out(self, port: int, width: int, value: int) -> None:
        """Have the stub write ``value`` to an I/O port."""
        self._operation(Op.OUT, width, port, value, 0)

    def into(self, port: int, width: int, address: int) -> None:
        """Have the stub read an I/O port and store it, as 64 bits, at ``address``."""
        self._operation(Op.IN, width, port, 0, address)

    def invalidate(self, address: int) -> None:
        """Have the processor forget how it translates the page at ``address``."""
        if self.ops < _MAX_INVALIDATIONS:
            self._operation(Op.INVLPG, 0, 0, 0, address)
        else:
            self.flags |= Flag.RELOAD_CR3

    def _operation(self, kind: Op, width: int, port: int, value: int, address: int) -> None:
        hold(self.ops < gate.MAX_OPS, "a trap has at most 32 operations")
        at = (self.block + _OPS + self.ops * gate.OP_SIZE) >> 3
        self.words[at] = kind | width << 8 | port << 16 | value << 32
        self.words[at + 1] = address
        self.ops += 1
