"""Where everything is in a process that the kernel makes at boot.

Programs link where they like between :data:`USER_FIRST` and :data:`INFO_PAGE`; what
the kernel adds lies above. A program learns the addresses from its boot info and the
slots of its CNode from here.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag

USER_FIRST = 0x1_0000
"""First address that a program may use: a null pointer with an offset still faults."""

USER_LIMIT = 1 << 47
"""First address above the lower half (Intel SDM Vol. 1, "Canonical Addressing")."""

SCREEN = 0x7F00_0000_0000
"""The framebuffer, for who has SCREEN."""

INFO_PAGE = 0x7FFF_FFFD_0000
IPC_BUFFER = 0x7FFF_FFFD_2000

USER_TOP = USER_LIMIT - 4096
"""The last page of the lower half stays empty: after a SYSCALL at its very end, rip
would be no address, and SYSRET would fault in ring 0."""

STACK_TOP = USER_TOP

STACK_SIZE = 64 << 10
"""The page below the stack is never mapped, so that an overflow faults."""


class Grant(IntFlag):
    """What an image may ask for a program, in the entry of its module."""

    CONSOLE = 1
    SCREEN = 2
    POWER = 4
    INSPECT = 8
    CLOCK = 16
    SUSPENDED = 32


class Init(IntEnum):
    """Slots of a new process's CNode."""

    TCB = 1
    CNODE = 2
    PML4 = 3
    IPC_BUFFER = 4
    NOTIFICATION = 5
    ENDPOINT = 6
    """For who has INSPECT; the first one's gets the faults of all others."""

    COM1 = 8
    COM1_IRQ = 9
    KEYBOARD = 10
    KEYBOARD_IRQ = 11
    EXIT = 12
    POWER = 13
    RESET = 14
    RTC = 15
    RTC_IRQ = 16
    SCHED_CONTEXT = 7
    REPLY = 17
    ASID_POOL = 18
    """This and those up to DOMAIN are for the first who has INSPECT."""

    AUDIT_LOG = 19
    IRQ_CONTROL = 20
    IO_PORT_CONTROL = 21
    ASID_CONTROL = 22
    SCHED_CONTROL = 23
    DOMAIN = 24
    PROCESSES = 32
    """First of the TCBs of all processes, in order; for who has INSPECT."""

    UNTYPEDS = 64
    """First of the boot untypeds; for the first who has INSPECT."""

    MEMORY = 128
    """First of the process's own page tables and frames."""


MAX_PROCESSES = Init.UNTYPEDS - Init.PROCESSES
MAX_UNTYPEDS = Init.MEMORY - Init.UNTYPEDS
