"""The interface between ring 3 and ring 0: call numbers, and what goes in which register.

A program puts the number in ``rax`` and executes SYSCALL. It finds the result
in ``rax``; ``rcx`` and ``r11`` are lost to the instruction itself (Intel SDM
Vol. 2B, "SYSCALL"); every other register is as it was.

This module is the only place where the numbers are written. The assembler sees
them as the constants that :func:`constants` returns.
"""

from __future__ import annotations

from enum import IntEnum


class SystemCall(IntEnum):
    """Call numbers, for ``rax``."""

    PUT_CHAR = 0
    """Send the byte in ``rdi`` to the console; return 0."""

    GET_CHAR = 1
    """Wait for a byte from the console and return it."""

    TICKS = 2
    """Return how many timer interrupts there have been since boot."""

    EXIT = 3
    """Stop the machine with the status in ``rdi``, of which the low byte counts."""

    POWER_OFF = 4
    """Switch the machine off."""


UNKNOWN_CALL = 0xFFFF_FFFF_FFFF_FFFF
"""What ``rax`` holds after a call with a number that no call has."""

TIMER_HZ = 100
"""Timer interrupts a second, the unit of :attr:`SystemCall.TICKS`."""


class StartReason(IntEnum):
    """Why a program is entered at its start, in ``rdi``."""

    FIRST = 0
    FAULT = 1
    """It had faulted. Its memory is as the fault left it; its registers are lost."""


def constants() -> dict[str, int]:
    """Return the numbers above under the names that assembly uses.

    >>> constants()["SYS_GET_CHAR"]
    1
    """
    return {
        **{f"SYS_{call.name}": call.value for call in SystemCall},
        **{f"START_{reason.name}": reason.value for reason in StartReason},
        "SYS_COUNT": len(SystemCall),
        "UNKNOWN_CALL": UNKNOWN_CALL,
        "TIMER_HZ": TIMER_HZ,
    }
