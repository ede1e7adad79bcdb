"""How long one waits for the prompt, and for what.

``vectoros boot images/dev.img`` in a fresh process, from the start of Python to
the end of the process, as a test suite or a script would run it; and again in
phases. Bytecode is compiled beforehand, as an installation has it. The peer is
QEMU with the same image and its own BIOS, killed when the kernel's stubs say that
this machine has no kernel gate: that is as far as they come there.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.programs.runners import QEMU_COMMAND, TIMEOUT_S, has_qemu, killed_late
from vectoros.bench import Row, alternate, row
from vectoros.errors import hold
from vectoros.units import TICKS_PER_NS

ROUNDS = 9

PROMPT = "vectoros> "
NO_GATE = "kernel: no kernel gate here"
IMAGE = Path(__file__).parents[1] / "images" / "dev.img"

TARGETS_MS = {"cold": 1000.0, "help": 150.0}

PEERS = {"cold": "qemu", "help": "python", "import": "cold", "build": "cold", "emulate": "cold"}
"""What each time is put in relation to."""

PHASES = ("import", "build", "emulate")
"""What a cold start consists of, besides the start of Python and the command line."""

_COMMANDS = {
    "cold": ["-m", "vectoros", "boot", str(IMAGE), "--until", PROMPT],
    "help": ["-m", "vectoros", "--help"],
    "python": ["-c", "pass"],
}

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


def measure(quick: bool) -> list[Row]:
    """Return the time of each command, then the phases of a cold start."""
    with tempfile.TemporaryDirectory() as bytecode:
        python = Python(bytecode)
        phases = Phases(python)
        subjects: dict[str, Callable[[], float]] = {
            name: partial(python.milliseconds, *words) for name, words in _COMMANDS.items()
        }
        subjects["phases"] = phases.sample
        if not quick:
            python.run(*_COMMANDS["cold"])  # compiles
            if has_qemu():
                subjects["qemu"] = _qemu
        times = alternate(1 if quick else ROUNDS, subjects)
    del times["phases"]
    times |= phases.milliseconds
    rows = [_row(name, times) for name in times]
    return [*rows, row("boot.virtual", "virtual ms", phases.virtual, "time of the guest's clock")]


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


_DO_NOT_COMPILE = "PYTHONDONTWRITEBYTECODE"


class Python:
    """Fresh processes of this Python, without input, with compiled modules."""

    def __init__(self, bytecode: str) -> None:
        """Keep compiled modules in the folder ``bytecode``."""
        kept = {name: value for name, value in os.environ.items() if name != _DO_NOT_COMPILE}
        self._environment = {**kept, "PYTHONPYCACHEPREFIX": bytecode}

    def run(self, *arguments: str) -> bytes:
        """Run Python with ``arguments``; return what it printed."""
        done = subprocess.run(
            [sys.executable, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=self._environment,
            timeout=TIMEOUT_S,
            check=False,
        )
        failed = f"python {' '.join(arguments)} failed: {done.stderr.decode()[-500:]}"
        hold(done.returncode == 0, failed)
        return done.stdout

    def milliseconds(self, *arguments: str) -> float:
        """Return how long Python takes with ``arguments``, from its start to its end."""
        start = time.perf_counter()
        self.run(*arguments)
        return 1e3 * (time.perf_counter() - start)


class Phases:
    """Cold starts in a process that reports what it spent its time on."""

    def __init__(self, python: Python) -> None:
        """Start without samples."""
        self._python = python
        self.milliseconds: dict[str, list[float]] = {name: [] for name in PHASES}
        self.virtual: list[float] = []

    def sample(self) -> float:
        """Boot once and note each phase; return their sum in milliseconds."""
        said = self._python.run("-c", _PHASES_PROGRAM, str(IMAGE), PROMPT)
        seconds, tick = json.loads(said)
        for name, duration in zip(PHASES, seconds, strict=True):
            self.milliseconds[name].append(1e3 * duration)
        self.virtual.append(tick / TICKS_PER_NS / 1e6)
        return 1e3 * float(sum(seconds))


def _qemu() -> float:
    """Boot the image on QEMU; return the milliseconds to its end in the stubs."""
    disk = ["-drive", f"file={IMAGE},format=raw,if=ide,snapshot=on"]
    start = time.perf_counter()
    with subprocess.Popen(
        [*QEMU_COMMAND, "-serial", "stdio", *disk],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        hold(process.stdout is not None, "QEMU has no output")
        said = b""
        with killed_late(process):
            while NO_GATE.encode() not in said and process.stdout is not None:
                more = os.read(process.stdout.fileno(), 4096)
                hold(more != b"", f"QEMU ended before the stubs, after: {said[-500:]!r}")
                said += more
        elapsed = 1e3 * (time.perf_counter() - start)
        process.kill()
    return elapsed
