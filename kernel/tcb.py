"""Threads: the thread control block.

The trap frame comes first, because the CPU pushes into it. Then what the scheduler
and message passing read at every switch, in as few cache lines as will hold it, the
FPU's registers, and the capabilities that a thread runs with.
"""

from __future__ import annotations

import struct

from vectoros.kernel.abi import TCB_FPU
from vectoros.kernel.frame import SYSCALL_BYTES, TrapFrame
from vectoros.kernel.slot import Slot
from vectoros.kernel.views import MASK, Field

CSPACE = 0x400
VSPACE = 0x440
BUFFER = 0x480
HANDLER = 0x4C0
TIMEOUT = 0x500
POLICY = 0x540
"""Offsets of the thread's own slots: CNode, PML4, IPC buffer frame, fault endpoint,
timeout endpoint, policy."""

SLOTS = (CSPACE, VSPACE, BUFFER, HANDLER, TIMEOUT, POLICY)

NO_FPU = 1
"""In ``flags``: an FPU instruction of the thread is an exception."""

NAME = 0x1D0
NAME_SIZE = 16

FPU_SIZE = 512
_RESET_FPU = struct.pack("<H22xI", 0x037F, 0x1F80)
"""FCW and MXCSR after FINIT and reset (Intel SDM Vol. 2A, "FXSAVE": bytes 0 and 24)."""


class Tcb(TrapFrame):
    """One thread."""

    state = Field(0x0C0, "a STATE")
    priority = Field(0x0C8, "0 to 255; higher runs first")
    max_priority = Field(0x0D0, "greatest priority that it may give to a thread")
    queue_next = Field(0x0D8, "next thread in the queue that it is in")
    queue_prev = Field(0x0E0, "the one before it")
    queue = Field(0x0E8, "ready queue or release queue that it is in, or 0")
    consumed = Field(0x0F0, "ticks that it has had")
    blocked_on = Field(0x0F8, "endpoint or notification that it waits at")
    send_badge = Field(0x100, "badge of the capability that it sends through")
    bound = Field(0x108, "notification whose signals it also receives at endpoints")
    process = Field(0x110, "number of the process, for people and badges")
    fault = Field(0x118, "its last FAULT, or 0")
    fault_pending = Field(0x120, "1: it waits for the answer to its fault")
    fault_ip = Field(0x128, "where it faulted")
    fault_address = Field(0x130, "address, capability address, trap number or vector")
    fault_code = Field(0x138, "error code; of a capability fault, 1 if it was to receive")
    fault_lookup = Field(0x140, "kind of lookup failure")
    fault_lookup0 = Field(0x148, "its first field")
    fault_lookup1 = Field(0x150, "its second")
    fault_lookup2 = Field(0x158, "its third")

    sched_context = Field(0x160, "scheduling context that it runs on; 0: it is passive")
    id = Field(0x168, "number that no other thread ever has")
    reply = Field(0x170, "Reply object that it waits on, or receives with; 0: none")
    flags = Field(0x178, "bit 0: it may not use the FPU")
    restricted = Field(0x180, "1: it has a policy, or had one; without it, it may do nothing")
    heard = Field(0x188, "number of the latest broadcast that it has heard")
    generation = Field(0x190, "how often it has been named")
    domain = Field(0x198, "domain that it runs in")
    lease_base = Field(0x1A0, "memory that it lends while its Call lasts")
    lease_length = Field(0x1A8, "bytes of it; 0: none")
    lease_rights = Field(0x1B0, "RIGHT bits READ and WRITE: what may be done with it")
    send_flags = Field(
        0x1B8, "RIGHT bits that it sends or receives through, and CALLS; of an answer, GRANT"
    )
    buffer_address = Field(0x1C0, "where its IPC buffer is mapped, as it says")

    def slot(self, offset: int) -> Slot:
        """The slot at one of :data:`SLOTS`."""
        return Slot(self.ram, self.address + offset)

    @property
    def space(self) -> int:
        """Physical address of its PML4."""
        return self.words[self.at + (VSPACE >> 3) + 2]

    @property
    def buffer(self) -> int:
        """Physical address of its IPC buffer, or 0."""
        return self.words[self.at + (BUFFER >> 3) + 2]

    @property
    def name(self) -> str:
        """What it is called: after its program, until it is named."""
        start = self.address + NAME
        raw = bytes(self.ram.view[start : start + NAME_SIZE])
        return raw.split(b"\0")[0].decode("ascii", "replace")

    def set_name(self, name: str) -> None:
        """Remember ``name``, of at most 15 characters."""
        raw = name.encode("ascii", "replace")[: NAME_SIZE - 1].ljust(NAME_SIZE, b"\0")
        self.ram.view[self.address + NAME : self.address + NAME + NAME_SIZE] = raw

    def rewind(self) -> None:
        """Go back to the SYSCALL instruction, so that the trap is made again."""
        self.rip = self.rip - SYSCALL_BYTES & MASK

    def reset_fpu(self) -> None:
        """Put the FPU's registers into the state that programs expect to start in."""
        start = self.address + TCB_FPU
        self.ram.view[start : start + FPU_SIZE] = _RESET_FPU.ljust(FPU_SIZE, b"\0")
