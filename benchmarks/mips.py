"""How fast does compiled code run, and what does exact virtual time cost?

The work is ``programs/mix.c``: CRC-32, sieve, quicksort, a matrix product in
floating point, a binary tree and a bytecode interpreter, each a sixth of the
instructions, in long mode with paging. The very same bytes run everywhere. Bare
Unicorn has no hooks and so no clock: what it is faster by is what exact time and
preemption cost. QEMU with ``-icount`` is the peer that has virtual time, too.
"""

from __future__ import annotations

from benchmarks.programs.image import INSTRUCTIONS, mix
from benchmarks.programs.runners import Runner, available
from vectoros.bench import Row, alternate, ratio_row, row, slope

ROUNDS = 7

TARGETS = {"qemu-icount": 0.9, "unicorn": 0.8}
"""How much of each peer's speed the fast engine is to reach."""

_LENGTHS = {"fast": 80, "portable": 2, "unicorn": 80, "qemu": 160, "qemu-icount": 160}
"""Repetitions of the mix by subject, for a tenth of a second or more."""
_QUICK_LENGTHS = {"fast": 10, "portable": 1, "unicorn": 10, "qemu": 40, "qemu-icount": 40}


def measure(quick: bool) -> list[Row]:
    """Return each subject's speed, then the ratios that have a target."""
    lengths = _QUICK_LENGTHS if quick else _LENGTHS
    speeds = alternate(
        1 if quick else ROUNDS,
        {name: lambda run=run, n=lengths[name]: _speed(run, n) for name, run in available().items()},
    )
    best = "qemu" if "qemu" in speeds else "unicorn"
    how = "CPU time without start-up"
    rows = [
        row(f"mips.{name}", "MIPS", samples, how, peer=(best, speeds[best]))
        for name, samples in speeds.items()
    ]
    return rows + [
        ratio_row("mips.fast", speeds["fast"], (peer, speeds[peer]), target)
        for peer, target in TARGETS.items()
        if peer in speeds and "fast" in speeds
    ]


def _speed(run: Runner, length: int) -> float:
    """Return a sample of the speed, in million instructions a second."""
    return INSTRUCTIONS / 1e6 / slope(lambda count: run(mix(count)), 1, 1 + length)
