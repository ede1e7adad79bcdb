"""What it costs a guest to leave the code that it runs.

Each event of ``programs/traps.S`` happens many times in a row: into a handler in
ring 0 and straight back, or to a device and back. The time of the same loop
without the event is taken off. QEMU with ``-icount``, which like us must know
the exact time at a device access, runs the same loops.
"""

from __future__ import annotations

from functools import partial

from benchmarks.programs.image import EVENTS, trap
from benchmarks.programs.runners import Runner, available
from vectoros.bench import Row, alternate, row, slope

ROUNDS = 5

TARGET_NS = 500.0
"""What an exception on the fast engine is to cost less than, there and back."""
EXCEPTIONS = ("int-n", "page-fault", "undefined")

PEERS = {"fast": "qemu-icount", "portable": "fast"}
"""What each engine's cost is put in relation to."""

_COUNTS = {"fast": 20_000, "portable": 500, "qemu-icount": 200_000}
"""Events in a sample: some tens of milliseconds."""
_QUICK_COUNTS = {"fast": 500, "portable": 20}


def measure(quick: bool) -> list[Row]:
    """Return the cost of each event on each engine and on QEMU."""
    counts = _QUICK_COUNTS if quick else _COUNTS
    runs = {name: run for name, run in available(qemu=not quick).items() if name in counts}
    times = alternate(
        1 if quick else ROUNDS,
        {
            f"{name}.{event}": partial(_nanoseconds, run, event, counts[name])
            for event in EVENTS
            for name, run in runs.items()
        },
    )
    return [_row(name, event, times) for name in runs for event in EVENTS[1:]]


def _row(name: str, event: str, times: dict[str, list[float]]) -> Row:
    def above_empty(subject: str) -> list[float]:
        pairs = zip(times[f"{subject}.{event}"], times[f"{subject}.{EVENTS[0]}"], strict=True)
        return [loop - empty for loop, empty in pairs]

    peer = PEERS.get(name, "")
    return row(
        f"traps.{name}.{event}",
        "ns",
        above_empty(name),
        "CPU time above the empty loop",
        target=TARGET_NS if name == "fast" and event in EXCEPTIONS else None,
        peer=(f"traps.{peer}.{event}", above_empty(peer)) if f"{peer}.{event}" in times else None,
    )


def _nanoseconds(run: Runner, event: str, count: int) -> float:
    """Return a sample of the time of one pass through the loop."""
    return 1e9 * slope(lambda passes: run(trap(event, passes)), 1, 1 + count)
