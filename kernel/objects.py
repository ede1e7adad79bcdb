"""The types of kernel objects, their sizes, and the rights to them.

An object is memory that was retyped from an untyped; its size is a power of two and
its address a multiple of it. Interrupt handlers, I/O ports and the controls are
capabilities without memory. The numbers are part of the interface: new types get new ones.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag


class Type(IntEnum):
    """What a capability is a capability to."""

    NULL = 0
    """An empty slot."""

    UNTYPED = 1
    CNODE = 2
    TCB = 3
    ENDPOINT = 4
    NOTIFICATION = 5
    REPLY = 6
    SCHED_CONTEXT = 7
    FRAME = 8
    PML4 = 9
    PDPT = 10
    PD = 11
    PT = 12
    ASID_POOL = 13
    ASID_CONTROL = 14
    IRQ_CONTROL = 15
    IRQ_HANDLER = 16
    IO_PORT_CONTROL = 17
    IO_PORT = 18
    CHANNEL = 19
    AUDIT_LOG = 20
    POLICY = 21
    SCHED_CONTROL = 22
    DOMAIN = 23
    LEASE = 24
    """No capability: the type of the methods that Call invokes at a REPLY."""

    ZOMBIE = 25
    """A CNode or TCB of which the last capability has been deleted, but not all it held."""


TABLES = (Type.PML4, Type.PDPT, Type.PD, Type.PT)
"""Page tables, from the root down."""

PAGE_BITS, LARGE_PAGE_BITS = 12, 21
PAGE_SIZES = (PAGE_BITS, LARGE_PAGE_BITS, 30)
"""Sizes of a frame, as powers of two: 4 KiB to 1 GiB; a channel has one of the first two."""

FIXED_BITS = {
    Type.TCB: 11,
    Type.ENDPOINT: 4,
    Type.NOTIFICATION: 6,
    Type.REPLY: 5,
    Type.SCHED_CONTEXT: 8,
    Type.POLICY: 8,
    **dict.fromkeys((*TABLES, Type.ASID_POOL, Type.AUDIT_LOG), PAGE_BITS),
}
"""Size of an object whose type alone decides it, as a power of two."""

SLOT_BITS = 6
"""A CNode of 2^n slots is 2^(n + SLOT_BITS) bytes."""


class Right(IntFlag):
    """What a capability permits, where it means something (seL4's bits)."""

    WRITE = 1
    """Endpoint: send. Notification: signal. Frame, Channel: map writable.
    Channel: configure, wake. Policy: tighten."""

    READ = 2
    """Endpoint: receive. Notification: wait. Frame, Channel: map. AuditLog: read.
    Policy: read, restrict a thread by it."""

    GRANT = 4
    """Endpoint: send capabilities along, be answered; who receives: answer with capabilities.
    Reply: answer with capabilities."""

    GRANT_REPLY = 8
    """Endpoint: be answered."""


ALL_RIGHTS = Right.WRITE | Right.READ | Right.GRANT | Right.GRANT_REPLY
READ_WRITE = Right.READ | Right.WRITE

RIGHTS = {
    Type.ENDPOINT: int(ALL_RIGHTS),
    Type.NOTIFICATION: int(READ_WRITE),
    Type.REPLY: int(Right.GRANT),
    Type.FRAME: int(READ_WRITE),
    Type.CHANNEL: int(READ_WRITE),
    Type.AUDIT_LOG: int(Right.READ),
    Type.POLICY: int(READ_WRITE),
}
"""Rights of a new capability, where rights mean something. Other capabilities have none,
and no mask changes them."""
