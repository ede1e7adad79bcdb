"""What a dying guest says of itself on its serial port.

The texts are those of Linux (``kernel/panic.c``, ``kernel/reboot.c``,
``arch/x86/kernel/dumpstack.c`` and ``arch/x86/mm/fault.c``), each on a line of its
own behind an optional time stamp; and of our own kernel (``kernel/stubs``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_STAMP = r"(?:<\d+>)?(?:\[ *\d+\.\d{6}\](?:\[ *[CT]\d+\])? )?"
"""Log level (of a console that shows it), time, and the caller of CONFIG_PRINTK_CALLER."""

PANIC = re.compile(_STAMP + r"Kernel panic - not syncing: (.*)")
PANIC_END = re.compile(_STAMP + r"---\[ end Kernel panic - not syncing: .*")
REBOOTING = re.compile(_STAMP + r"Rebooting in \d+ seconds\.\.")
SHUTDOWN = re.compile(_STAMP + r"reboot: .*")
HALTED = re.compile(_STAMP + r"reboot: System halted")
OUR_PANIC = re.compile(r"(?:.*> )?panic: (.+)")

_TROUBLE = re.compile(
    _STAMP + r"(?:BUG: |Oops: |Oops - |kernel BUG at |Internal error|Kernel panic - "
    r"|(?:general protection fault|divide error|invalid opcode|stack segment|double fault"
    r"|int3|bounds|page fault|PANIC: )[:, ].*|traps: PANIC|(?:.*> )?panic: )"
)
"""How a report of a fault in the kernel itself begins."""

SHORT, LONG = 10, 70
"""Lines of serial output that a crash report shows: usually, and if the guest explains itself."""


def panic_of(lines: Sequence[str]) -> str | None:
    """Return what the last panic among ``lines`` was about, or None.

    >>> panic_of(["[    1.060541] Kernel panic - not syncing: no init"])
    'no init'
    """
    found = (PANIC.fullmatch(line) or OUR_PANIC.fullmatch(line) for line in reversed(lines))
    return next((match[1] for match in found if match), None)


def has_halted(lines: Sequence[str]) -> bool:
    """Whether the last thing that ``lines`` tell is that the system was halted on purpose."""
    return bool(lines) and HALTED.fullmatch(lines[-1]) is not None


def tail(lines: Sequence[str]) -> list[str]:
    """Return the last of ``lines``, from where the guest's own report of its trouble begins."""
    start = max(len(lines) - SHORT, 0)
    for index in range(start, max(len(lines) - LONG, 0) - 1, -1):
        if index < len(lines) and _TROUBLE.match(lines[index]):
            start = index
    return list(lines[start:])
