"""The interface of the kernel: every number that ring 3 and the stubs share with it.

Each table is where its noun is: objects, methods, errors, messages, the gate block,
the trap frame, boot record and boot info. Here are the traps, the faults and the
states of a thread. The constants of assembly (vectoros/image/kernel_constants.py) and
the reference page docs/reference/kernel-abi.md are made from the same tables.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

COST_UNIT = 64
"""Ticks in a unit of kernel time: the bytes of one turn of the stub's loop."""

TIME_SLICE_NS = 5_000_000
"""Budget and period of the threads that BOOT makes: a turn among those of a priority."""

TCB_FPU = 0x200
"""Offset of the FXSAVE area in a TCB."""


class Trap(IntEnum):
    """Trap numbers, for ``rax``."""

    DEBUG_PUT_CHAR = 0
    CALL = 1
    REPLY_RECV = 2
    SEND = 3
    NB_SEND = 4
    RECV = 5
    NB_RECV = 6
    WAIT = 7
    NB_WAIT = 8
    NB_SEND_RECV = 9
    NB_SEND_WAIT = 10
    YIELD = 11


class TrapRow(NamedTuple):
    """What the reference says of a trap."""

    cost: int
    """In units of :data:`COST_UNIT` ticks."""

    registers: str
    meaning: str


TRAPS: dict[Trap, TrapRow] = {
    Trap.DEBUG_PUT_CHAR: TrapRow(
        4, "rdi byte; out: rax", "write a byte to the debug console; for development"
    ),
    Trap.CALL: TrapRow(
        8, "rdi capability, rsi info, message; out: all",
        "send a message and wait for its answer: of a receiver, through the Reply object that it"
        " names, or of the kernel; to a Reply object, invoke a method of Lease",
    ),
    Trap.REPLY_RECV: TrapRow(
        12, "rdi endpoint or notification, rsi info, message, r12 reply; out: all",
        "answer through r12 if somebody waits for that, then Recv, unless the answer is refused",
    ),
    Trap.SEND: TrapRow(
        8, "rdi capability, rsi info, message; out: all",
        "as Call, without an answer of a receiver's; to a Reply object, it is the answer",
    ),
    Trap.NB_SEND: TrapRow(
        8, "rdi capability, rsi info, message; out: all",
        "as Send, but a message that nobody waits for is dropped",
    ),
    Trap.RECV: TrapRow(
        8, "rdi endpoint or notification, r12 reply or an empty slot; out: all, rdi badge",
        "wait for a message, or for signals of a notification, which are in the badge; who calls"
        " will be answered through r12. Without one, a caller stops when its message is there",
    ),
    Trap.NB_RECV: TrapRow(8, "as Recv", "as Recv, but badge 0 if there is nothing yet"),
    Trap.WAIT: TrapRow(
        8, "rdi endpoint or notification; out: all, rdi badge",
        "as Recv, and never with a Reply object",
    ),
    Trap.NB_WAIT: TrapRow(8, "as Wait", "as NBRecv, and never with a Reply object"),
    Trap.NB_SEND_RECV: TrapRow(
        12, "rdi endpoint or notification, rsi info, message, r12 reply, r13 capability; out: all",
        "NBSend to r13, then Recv on rdi, unless the send is refused",
    ),
    Trap.NB_SEND_WAIT: TrapRow(
        12, "rdi endpoint or notification, rsi info, message, r12 capability; out: all",
        "NBSend to r12, then Wait on rdi, unless the send is refused",
    ),
    Trap.YIELD: TrapRow(
        6, "out: rax", "let the others of the same priority run first; with a budget, as if the"
        " refill were used up"
    ),
}  # fmt: skip

COST_FAULT = 16
COST_INTERRUPT = 10
COST_SWITCH = 6
"""Of loading another thread's address space and registers."""

COST_WORDS = 8
"""Message words that a unit moves."""

COST_CAPABILITY = 2
"""Of a capability in a message between threads."""

COST_PAGE = 16
"""Of a page that BOOT sets up."""


class Fault(IntEnum):
    """Labels of fault messages (seL4's numbers)."""

    NONE = 0
    CAP_FAULT = 1
    """0: ip, 1: capability address, 2: 1 if it was to receive, 3: kind of lookup failure,
    4 and on: its fields."""

    UNKNOWN_SYSCALL = 2
    """0 to 14: rax rbx rcx rdx rsi rdi rbp r8 to r15, 15: ip, 16: rsp, 17: rflags,
    18: the trap number."""

    USER_EXCEPTION = 3
    """0: ip, 1: rsp, 2: rflags, 3: vector, 4: error code."""

    VM_FAULT = 6
    """0: ip, 1: address, 2: 1 if it was to fetch code, 3: error code."""

    TIMEOUT = 5
    """0: badge of the scheduling context, 1: ticks used since Consumed was asked."""


class State(IntEnum):
    """What a thread is doing."""

    INACTIVE = 0
    RUNNING = 1
    """Running, or ready to."""

    BLOCKED_ON_RECEIVE = 2
    BLOCKED_ON_SEND = 3
    BLOCKED_ON_REPLY = 4
    """It has called, or faulted, and waits on a Reply object for the answer."""

    BLOCKED_ON_NOTIFICATION = 5
