"""How fast compiled code runs, and what exact virtual time costs.

The work is ``programs/mix.c``: CRC-32, sieve, quicksort, a matrix product in
floating point, a binary tree and a bytecode interpreter, each a sixth of the
instructions, in long mode with paging. The very same bytes run everywhere. Bare
Unicorn has no hooks and so no clock: what it is faster by is what exact time and
preemption cost. QEMU with ``-icount`` is the peer that has virtual time, too.
"""

from __future__ import annotations

from functools import partial

from benchmarks.programs.image import INSTRUCTIONS, mix
from benchmarks.programs.runners import Runner, available
from vectoros.bench import Row, alternate, ratio_row, row, slope

ROUNDS = 7

TARGETS = {"qemu-icount": 0.9, "unicorn": 0.8}
"""How much of each peer's speed the fast engine is to reach."""

_LENGTHS = {"fast": 50, "portable": 2, "unicorn": 50, "qemu": 100, "qemu-icount": 100}
"""Repetitions of the mix by subject, for a tenth of a second or more."""
_QUICK_LENGTHS = {"fast": 10, "portable": 1, "unicorn": 10}


def measure(quick: bool) -> list[Row]:
    """Return each subject's speed, then the ratios that have a target."""
    runs = available(qemu=not quick)
    lengths = _QUICK_LENGTHS if quick else _LENGTHS
    speeds = alternate(
        1 if quick else ROUNDS,
        {name: partial(_speed, run, lengths[name]) for name, run in runs.items()},
    )
    best = "qemu" if "qemu" in speeds else "unicorn"
    peer = (f"mips.{best}", speeds[best])
    how = "CPU time without start-up"
    rows = [
        row(f"mips.{name}", "MIPS", samples, how, peer=None if name == best else peer)
        for name, samples in speeds.items()
    ]
    for name, target in TARGETS.items():
        if "fast" in speeds and name in speeds:
            other = (f"mips.{name}", speeds[name])
            rows.append(ratio_row(f"mips.fast/{name}", speeds["fast"], other, target))
    return rows


def _speed(run: Runner, length: int) -> float:
    """Return a sample of the speed, in million instructions a second."""
    return INSTRUCTIONS / 1e6 / slope(lambda count: run(mix(count)), 1, 1 + length)
