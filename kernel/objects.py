"""The types of kernel objects, their sizes, and the rights to them.

An object is memory that was retyped from an untyped; its size is a power of two and
its address a multiple of it. Interrupt handlers and I/O ports are capabilities
without memory. The numbers are part of the interface: new types get new ones.
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
    FRAME = 8
    PML4 = 9
    PDPT = 10
    PD = 11
    PT = 12
    IRQ_HANDLER = 16
    IO_PORT = 18
    AUDIT_LOG = 20


TABLES = (Type.PML4, Type.PDPT, Type.PD, Type.PT)
"""Page tables, from the root down."""

FIXED_BITS = {
    Type.TCB: 11,
    Type.ENDPOINT: 4,
    Type.NOTIFICATION: 6,
    Type.PML4: 12,
    Type.PDPT: 12,
    Type.PD: 12,
    Type.PT: 12,
    Type.AUDIT_LOG: 12,
}
"""Size of an object whose type alone decides it, as a power of two."""

SLOT_BITS = 6
"""A CNode of 2^n slots is 2^(n + SLOT_BITS) bytes."""

PAGE_BITS = 12
LARGE_PAGE_BITS = 21
"""Sizes of a frame, as powers of two: 4 KiB and 2 MiB."""


class Right(IntFlag):
    """What a capability permits, where it means something (seL4's bits)."""

    WRITE = 1
    """Endpoint: send. Notification: signal. Frame: map writable."""

    READ = 2
    """Endpoint: receive. Notification: wait. Frame: map."""

    GRANT = 4
    """Endpoint: send capabilities along."""

    GRANT_REPLY = 8
    """Endpoint: let the receiver reply."""


ALL_RIGHTS = Right.WRITE | Right.READ | Right.GRANT | Right.GRANT_REPLY
READ_WRITE = Right.READ | Right.WRITE


def object_constants() -> dict[str, int]:
    """Return types and rights under the names that assembly uses."""
    return {
        **{f"TYPE_{kind.name}": kind.value for kind in Type},
        **{f"RIGHT_{right.name}": right.value for right in Right},
    }
