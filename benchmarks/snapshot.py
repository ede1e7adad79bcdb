"""What a snapshot costs, and what going back to it costs.

The machine has 64 MiB of RAM. Before each sample the guest stores to 256 pages
(``programs/stores.S``), so there is 1 MiB of news each time, whatever the size
of RAM. The peers are what one would do without asking which pages are new: copy
all of RAM, hash all of it, write all of it to a file and read it back.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.programs import image
from benchmarks.programs.runners import machine
from vectoros import Machine, snapshot_file
from vectoros.bench import Row, alternate, row
from vectoros.errors import hold

ROUNDS = 31
QUICK_ROUNDS = 2

PAGES = 256
"""Pages that the guest stores to between two operations."""

PASS_TICKS = 64 * PAGES
"""Longer than the guest needs for all of them: its loop is far shorter than 64 bytes."""

TARGETS_MS = {"take": 2.0, "restore": 1.0}

PEERS = {
    "take": "copy-all",
    "restore": "copy-all",
    "hash": "hash-all",
    "save": "write-all",
    "load": "read-all",
}
"""What each operation is put in relation to."""

ON_DISK = ("save", "load", "write-all", "read-all")
"""Measured in wall time, because they wait; the others are measured in CPU time."""


def measure(quick: bool) -> list[Row]:
    """Return the cost of each operation, and of its peers."""
    with machine(image.stores(PAGES), "auto") as subject, tempfile.TemporaryDirectory() as folder:
        _dirty(subject)
        hold(len(subject.memory.ram.dirty()) >= PAGES, "the guest did not store to every page")
        steps = _steps(subject, Path(folder))
        samples = alternate(QUICK_ROUNDS if quick else ROUNDS, {n: s for n, s in steps.items()})
    return [_row(name, samples) for name in samples]


def _row(name: str, samples: dict[str, list[float]]) -> Row:
    peer = PEERS.get(name)
    return row(
        f"snapshot.{name}",
        "ms",
        samples[name],
        "wall time" if name in ON_DISK else "CPU time",
        target=TARGETS_MS.get(name),
        peer=None if peer is None else (f"snapshot.{peer}", samples[peer]),
    )


def _steps(subject: Machine, folder: Path) -> dict[str, Callable[[], float]]:
    """Return what to sample, in an order in which each can be done."""
    ours, theirs = folder / "ours", folder / "theirs"
    saved = [subject.snapshot()]
    # Other memory than the guest's: to read all of that would change what it costs to restore.
    ram = np.ones(subject.memory.ram.size, dtype=np.uint8)
    room = np.zeros_like(ram)

    def take() -> None:
        saved[0] = subject.snapshot()

    operations: dict[str, Callable[[], object]] = {
        "take": take,
        "restore": lambda: subject.restore(saved[0]),
        "hash": subject.state_hash,
        "save": lambda: snapshot_file.save(subject.snapshot(), ours),
        "load": lambda: subject.restore(snapshot_file.load(ours)),
        "copy-all": lambda: np.copyto(room, ram),
        "hash-all": lambda: hashlib.sha256(ram.data).digest(),
        "write-all": lambda: theirs.write_bytes(ram.data),
        "read-all": theirs.read_bytes,
    }
    return {name: partial(_milliseconds, subject, name, do) for name, do in operations.items()}


def _milliseconds(subject: Machine, name: str, operation: Callable[[], object]) -> float:
    """Let the guest run, then return a sample of the time of ``operation``."""
    _dirty(subject)
    clock = time.perf_counter if name in ON_DISK else time.thread_time
    start = clock()
    operation()
    return 1e3 * (clock() - start)


def _dirty(subject: Machine) -> None:
    subject.run(until_tick=subject.clock.now + PASS_TICKS)
