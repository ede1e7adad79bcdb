"""How fast compiled code runs for guests that know nothing of NX.

The work is that of ``mips``, three times: ``unpaged`` is 32-bit code in protected mode
without paging, its data beside its code; ``paged`` is the program of ``mips`` with all
of its pages executable; ``nx`` is that program as it is. Where a page can be executed,
an emulator that translates must find out for itself whether stores to it change code.
The peer is QEMU's translator running free, without virtual time. ``unicorn`` is what
our CPU is made of, without hooks and as it comes, in a process of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from benchmarks.programs.image import FLAT_INSTRUCTIONS, INSTRUCTIONS, Image, flat_mix, mix
from benchmarks.programs.runners import Runner, available, on_unicorn_as_it_comes
from vectoros.bench import Row, alternate, ratio_row, row, slope

ROUNDS = 7

TARGETS = {"unpaged": 0.7, "paged": 0.7, "nx": 0.7}
"""How much of QEMU's speed the fast engine is to reach, by guest."""

_LENGTHS = {"fast": 50, "qemu": 100, "unicorn": 20}
"""Repetitions of the work by subject, for a tenth of a second or more."""
_QUICK_LENGTHS = {"fast": 5, "unicorn": 5}

_GUESTS: dict[str, tuple[Callable[[int], Image], int]] = {
    "unpaged": (flat_mix, FLAT_INSTRUCTIONS),
    "paged": (partial(mix, nx=False), INSTRUCTIONS),
    "nx": (mix, INSTRUCTIONS),
}


def measure(quick: bool) -> list[Row]:
    """Return each subject's speed with each guest, then the ratios that have a target."""
    runs = {**available(qemu=not quick), "unicorn": on_unicorn_as_it_comes}
    lengths = _QUICK_LENGTHS if quick else _LENGTHS
    speeds = alternate(
        1 if quick else ROUNDS,
        {
            f"{guest}.{name}": partial(_speed, runs[name], guest, length)
            for guest in _GUESTS
            for name, length in lengths.items()
            if name in runs
        },
    )
    how = "CPU time without start-up"
    rows = [row(f"flat.{name}", "MIPS", samples, how) for name, samples in speeds.items()]
    for guest, target in TARGETS.items():
        ours, peer = speeds.get(f"{guest}.fast"), speeds.get(f"{guest}.qemu")
        if ours and peer:
            rows.append(
                ratio_row(f"flat.{guest}.fast/qemu", ours, (f"flat.{guest}.qemu", peer), target)
            )
    return rows


def _speed(run: Runner, guest: str, length: int) -> float:
    """Return a sample of the speed, in million instructions a second."""
    make, instructions = _GUESTS[guest]
    return instructions / 1e6 / slope(lambda count: run(make(count)), 1, 1 + length)
