"""What it costs to ask the kernel for nothing.

A program of ring 3 makes one trap again and again: SYSCALL, the stub, the gate's
doorbell, the kernel in Python, the stub, SYSRET. ``yield`` gives the processor up
while nobody else wants it; ``refused`` invokes a capability that is not there.
``device`` is the way without the kernel: a function behind the gate that leaves the
last answer as it is.
"""

from __future__ import annotations

import tempfile
import time
from functools import partial
from pathlib import Path

from vectoros.api import Machine
from vectoros.bench import Row, alternate, row
from vectoros.cpu.selftest import fast_engine_checks
from vectoros.errors import hold
from vectoros.image.builder import build

ROUNDS = 25

TARGET_NS = 3000.0
"""What a trap that does nothing is to cost less than on the fast engine."""

KINDS = ("yield", "refused", "device")

_ROOT = Path(__file__).parents[1]
_PROGRAMS = Path(__file__).parent / "programs"
_SLICE = {"fast": "5ms", "portable": "100us"}
_QUICK_SLICE = {"fast": "200us", "portable": "20us"}


def measure(quick: bool) -> list[Row]:
    """Return the cost of each kind of trap on each engine."""
    slices = _QUICK_SLICE if quick else _SLICE
    engines = ["fast", "portable"] if fast_engine_checks()[-1].ok else ["portable"]
    machines = {f"{name}.{kind}": _machine(name, kind) for name in engines for kind in KINDS}
    times = alternate(
        1 if quick else ROUNDS,
        {
            name: partial(_nanoseconds, machine, slices[name.partition(".")[0]])
            for name, machine in machines.items()
        },
    )
    for machine in machines.values():
        machine.close()
    return [_row(name, times) for name in times]


def _row(name: str, times: dict[str, list[float]]) -> Row:
    engine, _, kind = name.partition(".")
    return row(
        f"gate.{name}",
        "ns",
        times[name],
        "CPU time from trap to trap",
        target=TARGET_NS if (engine, kind) == ("fast", "yield") else None,
        peer=None if kind == "device" else (f"gate.{engine}.device", times[f"{engine}.device"]),
    )


def _machine(engine: str, kind: str) -> Machine:
    """Return a machine whose only process is making traps of ``kind``."""
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder, "gate.img")
        image.write_bytes(
            build(_manifest(Path(folder), "refused" if kind == "refused" else "yield"))
        )
        machine = Machine.from_image(image, engine=engine)
    gate = machine.pc.gate
    machine.run(until=r"ring 3", for_="2s")
    machine.run(for_="100us")
    hold(gate.rings > 2, "the program makes no traps")
    if kind == "device":
        gate.connect(lambda block: None)
    return machine


def _manifest(folder: Path, program: str) -> Path:
    """Write the manifest of an image with ``program`` alone."""
    text = (_ROOT / "images" / "dev.toml").read_text(encoding="utf-8")
    kernel = text.partition('[[program]]\nname = "shell"')[0]
    kernel = kernel.replace('"../', f'"{_ROOT}/').replace(
        '"programs/', f'"{_ROOT}/images/programs/'
    )
    path = folder / "gate.toml"
    path.write_text(
        f'{kernel}[[program]]\nname = "{program}"\nvirtual = 0x44_0000\n'
        f'sources = ["{_PROGRAMS / program}.S"]\nsections = {{ text = "rx" }}\n',
        encoding="utf-8",
    )
    return path


def _nanoseconds(machine: Machine, slice_: str) -> float:
    """Return a sample of the time of one trap."""
    gate = machine.pc.gate
    rings, start = gate.rings, time.thread_time_ns()
    machine.run(for_=slice_)
    spent = time.thread_time_ns() - start
    return spent / (gate.rings - rings)
