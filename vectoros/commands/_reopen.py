"""The commands that lead to the moment of a crash again, as far as the command line can."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence

import click

from vectoros.api import Machine
from vectoros.board import Reason
from vectoros.commands import boot, snapshot
from vectoros.units import TICKS_PER_SECOND

BEFORE_TICKS, BEFORE_PANIC_TICKS = 4_000, TICKS_PER_SECOND // 20
"""How long before the crash a snapshot is taken: about a thousand instructions; of a
panic 50 ms, because it is known for one some time after it has happened.
"""

SNAPSHOT = "before.vxs"
DETAILS = ("--branches", "--trace", "fault,irq,port")
"""What to look at on the second visit."""


def reopen(machine: Machine, reason: Reason, words: Sequence[str] | None = None) -> list[str]:
    """Return commands that lead ``machine`` to its crash again, and show more of the way.

    ``words`` are those of the command that has led it there. With the same input they
    do so again; what was typed cannot be repeated to the tick, so a snapshot would
    not be of the same run.
    """
    words = sys.argv[1:] if words is None else words
    command = words[0] if words else ""
    saved = _saving(words[1:]) if command == "boot" and not machine.serial.typed else None
    if saved is None:
        more = [] if "--branches" in words else ["--branches"]
        return [shlex.join(["vectoros", *words, *more])]
    before = BEFORE_PANIC_TICKS if reason is Reason.PANIC else BEFORE_TICKS
    at = max(machine.clock.now - before, 0)
    return [
        shlex.join(["vectoros", "snapshot", "save", *saved, "-o", SNAPSHOT, "--at", str(at)]),
        shlex.join(["vectoros", "snapshot", "restore", SNAPSHOT, *DETAILS]),
    ]


def _saving(words: Sequence[str]) -> list[str] | None:
    """Return those of the words of `boot` that `snapshot save` needs; None if it cannot do it."""
    takes = {param.name for param in snapshot.save.params}
    options = {
        name: param
        for param in boot.command.params
        if isinstance(param, click.Option)
        for name in (*param.opts, *param.secondary_opts)
    }
    found: list[str] = []
    rest = list(words)
    while rest:
        name, equals, _ = rest[0].partition("=")
        option = options.get(name)
        length = 1 if option is None or option.is_flag or equals else 2
        if option is None or (option.name in takes and option.name in boot.MACHINE_OPTIONS):
            found += rest[:length]
        elif option.name in boot.MACHINE_OPTIONS and option.name != "reboot":
            return None
        del rest[:length]
    return found
