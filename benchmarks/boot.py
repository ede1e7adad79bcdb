"""How long does one wait for the prompt, and for what?

``vectoros boot images/dev.img`` in a fresh process, from the start of Python to
the end of the process, as a test suite or a script would run it; and again in
phases. The peer is QEMU with the same image, killed when the prompt appears.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.programs.runners import QEMU
from vectoros.bench import Row, alternate, row
from vectoros.errors import hold
from vectoros.units import TICKS_PER_NS

ROUNDS = 9

PROMPT = "vectoros> "
IMAGE = Path(__file__).parents[1] / "images" / "dev.img"

TARGETS_MS = {"cold": 1000.0, "help": 150.0}

PEERS = {"cold": "qemu", "help": "python", "import": "cold", "build": "cold", "emulate": "cold"}
"""What each time is put in relation to."""

PHASES = ("import", "build", "emulate")
"""What a cold start consists of, besides the start of Python and the command line."""

_PHASES_PROGRAM = """
import json, sys, time
times = [time.perf_counter()]
from vectoros.api import Machine
times.append(time.perf_counter())
machine = Machine.from_image(sys.argv[1])
times.append(time.perf_counter())
machine.run(until=sys.argv[2], for_="10s")
times.append(time.perf_counter())
json.dump([[b - a for a, b in zip(times, times[1:])], machine.clock.now], sys.stdout)
"""

_TIMEOUT = 60
"""Seconds after which a command that should take one is given up."""


def measure(quick: bool) -> list[Row]:
    """Return the time of each command, then the phases of a cold start."""
    phases = Phases()
    subjects: dict[str, Callable[[], float]] = {
        "cold": lambda: _vectoros("boot", str(IMAGE), "--until", PROMPT),
        "phases": phases.sample,
        "help": lambda: _vectoros("--help"),
        "python": lambda: _wall([sys.executable, "-c", "pass"]),
    }
    if shutil.which(QEMU) is not None:
        subjects["qemu"] = _qemu
    times = alternate(1 if quick else ROUNDS, subjects)
    del times["phases"]
    times |= phases.times
    rows = [_row(name, times) for name in times]
    how = "virtual time to the prompt"
    return [*rows, row("boot.virtual", "virtual ms", phases.virtual, how)]


def _row(name: str, times: dict[str, list[float]]) -> Row:
    peer = PEERS.get(name)
    return row(
        f"boot.{name}",
        "ms",
        times[name],
        "wall time within a process" if name in PHASES else "wall time of a process",
        target=TARGETS_MS.get(name),
        peer=(f"boot.{peer}", times[peer]) if peer in times else None,
    )


class Phases:
    """Cold starts in a process that reports what it spent its time on."""

    def __init__(self) -> None:
        """Start without samples."""
        self.times: dict[str, list[float]] = {name: [] for name in PHASES}
        self.virtual: list[float] = []

    def sample(self) -> float:
        """Boot once and note each phase; return their sum in milliseconds."""
        command = [sys.executable, "-c", _PHASES_PROGRAM, str(IMAGE), PROMPT]
        done = subprocess.run(command, capture_output=True, timeout=_TIMEOUT, check=True)
        seconds, tick = json.loads(done.stdout)
        for name, duration in zip(PHASES, seconds, strict=True):
            self.times[name].append(1e3 * duration)
        self.virtual.append(tick / TICKS_PER_NS / 1e6)
        return 1e3 * float(sum(seconds))


def _vectoros(*arguments: str) -> float:
    return _wall([sys.executable, "-m", "vectoros", *arguments])


def _wall(command: Sequence[str]) -> float:
    """Run ``command`` without input; return the milliseconds from start to end."""
    start = time.perf_counter()
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_TIMEOUT, check=False
    )
    elapsed = 1e3 * (time.perf_counter() - start)
    hold(done.returncode == 0, f"{' '.join(command)} failed: {done.stderr.decode()[-500:]}")
    return elapsed


def _qemu() -> float:
    """Boot the image on QEMU; return the milliseconds to the prompt."""
    drive = f"file={IMAGE},format=raw,if=ide,snapshot=on"
    start = time.perf_counter()
    with subprocess.Popen(
        [QEMU, "-accel", "tcg", "-nodefaults", "-no-user-config", "-display", "none"]
        + ["-m", "64", "-serial", "stdio", "-drive", drive],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        hold(process.stdout is not None, "QEMU has no output")
        said = b""
        while PROMPT.encode() not in said and process.stdout is not None:
            more = os.read(process.stdout.fileno(), 4096)
            hold(more != b"", f"QEMU ended before the prompt, after: {said[-500:]!r}")
            said += more
        elapsed = 1e3 * (time.perf_counter() - start)
        process.kill()
    return elapsed
