"""How long one waits for the prompt, and for what.

``vectoros boot images/dev.img`` in a fresh process, from the start of Python to
the end of the process, as a test suite or a script would run it; and again in
phases, the last of them milestone by milestone. Bytecode is compiled beforehand,
as an installation has it. The peer is QEMU with its own BIOS and the smallest disk
image there is, which stops by the exit device: QEMU has no kernel gate, so it does
not get far with ours. The same image runs here, too.
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

from benchmarks.programs.runners import (
    EXIT_DEVICE,
    QEMU_COMMAND,
    TIMEOUT_S,
    has_qemu,
    killed_late,
)
from vectoros.assembler import assemble
from vectoros.bench import Row, alternate, row
from vectoros.devices.disk import SECTOR_BYTES
from vectoros.disk import BOOT_SIGNATURE
from vectoros.errors import hold
from vectoros.layout import BOOT_SECTOR, port_area
from vectoros.units import TICKS_PER_NS

ROUNDS = 9

PROMPT = "vectoros> "
IMAGE = Path(__file__).parents[1] / "images" / "dev.img"

TARGETS_MS = {"cold": 1000.0, "help": 150.0, "emulate": 200.0}

PEERS = {
    "cold": "qemu-minimal",
    "minimal": "qemu-minimal",
    "help": "python",
    "import": "cold",
    "build": "cold",
    "emulate": "cold",
}
"""What each time is put in relation to."""

MINIMAL = "mov dx, PORT_EXIT\n mov al, STATUS\n out dx, al\n cli\n hlt"
STATUS = 1
_QEMU_STATUS = STATUS << 1 | 1
"""A boot sector that stops at once, and how QEMU's exit device reports that."""

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
reached = []
machine.pc.on_milestone(lambda m: reached.append((m.text, time.perf_counter() - times[-1])))
machine.run(until=sys.argv[2], for_="10s")
times.append(time.perf_counter())
spans = [b - a for a, b in zip(times, times[1:])]
json.dump([spans, machine.clock.now, reached], sys.stdout)
"""


def measure(quick: bool) -> list[Row]:
    """Return the time of each command, then the phases of a cold start."""
    with tempfile.TemporaryDirectory() as folder:
        minimal = Path(folder, "minimal.img")
        minimal.write_bytes(_minimal())
        python = Python(folder)
        phases = Phases(python)
        subjects: dict[str, Callable[[], float]] = {
            name: partial(python.milliseconds, *words) for name, words in _COMMANDS.items()
        }
        boot = ("-m", "vectoros", "boot", str(minimal))
        subjects["minimal"] = partial(python.milliseconds, *boot, status=STATUS)
        subjects["phases"] = phases.sample
        if not quick:
            python.run(*_COMMANDS["cold"])  # compiles
            if has_qemu():
                subjects["qemu-minimal"] = partial(_qemu, minimal)
        times = alternate(1 if quick else ROUNDS, subjects)
    del times["phases"]
    times |= phases.milliseconds
    rows = [_row(name, times) for name in times]
    rows += [
        row(f"boot.until.{name}", "ms", spans, "wall time of emulation up to this milestone")
        for name, spans in phases.until.items()
    ]
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
        self.environment = {**kept, "PYTHONPYCACHEPREFIX": bytecode}

    def run(self, *arguments: str, status: int = 0) -> bytes:
        """Run Python with ``arguments``, to end with ``status``; return what it printed."""
        done = subprocess.run(
            [sys.executable, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=self.environment,
            timeout=TIMEOUT_S,
            check=False,
        )
        failed = f"python {' '.join(arguments)} failed: {done.stderr.decode()[-500:]}"
        hold(done.returncode == status, failed)
        return done.stdout

    def milliseconds(self, *arguments: str, status: int = 0) -> float:
        """Return how long Python takes with ``arguments``, from its start to its end."""
        start = time.perf_counter()
        self.run(*arguments, status=status)
        return 1e3 * (time.perf_counter() - start)


class Phases:
    """Cold starts in a process that reports what it spent its time on."""

    def __init__(self, python: Python) -> None:
        """Start without samples."""
        self._python = python
        self.milliseconds: dict[str, list[float]] = {name: [] for name in PHASES}
        self.until: dict[str, list[float]] = {}
        self.virtual: list[float] = []

    def sample(self) -> float:
        """Boot once and note each phase; return their sum in milliseconds."""
        said = self._python.run("-c", _PHASES_PROGRAM, str(IMAGE), PROMPT)
        seconds, tick, reached = json.loads(said)
        for text, moment in reached:
            name = text.removeprefix("[boot] ").partition(":")[0].replace(" ", "-")
            self.until.setdefault(name, []).append(1e3 * moment)
        for name, duration in zip(PHASES, seconds, strict=True):
            self.milliseconds[name].append(1e3 * duration)
        self.virtual.append(tick / TICKS_PER_NS / 1e6)
        return 1e3 * float(sum(seconds))


def _minimal() -> bytes:
    """Return a disk image of one sector that stops the machine."""
    names = {"PORT_EXIT": port_area("exit").base, "STATUS": STATUS}
    code = assemble(MINIMAL, origin=BOOT_SECTOR, constants=names, bits=16).code
    return code.ljust(SECTOR_BYTES - len(BOOT_SIGNATURE), b"\0") + BOOT_SIGNATURE


def _qemu(image: Path) -> float:
    """Boot ``image`` on QEMU; return the milliseconds until it has stopped."""
    disk = ["-drive", f"file={image},format=raw,if=ide,snapshot=on"]
    start = time.perf_counter()
    with subprocess.Popen(
        [*QEMU_COMMAND, *EXIT_DEVICE, *disk], stdin=subprocess.DEVNULL
    ) as process:
        with killed_late(process):
            status = process.wait()
        elapsed = 1e3 * (time.perf_counter() - start)
    hold(status == _QEMU_STATUS, f"QEMU ended with status {status}, not {_QEMU_STATUS}")
    return elapsed
