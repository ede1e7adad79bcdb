"""Say whether a machine can run here, which engine it gets, and why.

    $ vectoros doctor
    VectorOS ... on Python ...
    --engine auto takes: fast; all that the fast engine relies on holds here
    ...
    trial, fast         ok      1000000 ticks: one state hash, with pauses and without
    ...
    the guest's CPU     Intel Xeon E312xx (Sandy Bridge) (family 6, model 42, stepping 1)
    it has              FPU, DE, PSE, TSC, MSR, PAE, ...
    it has not          VME, APIC, ...
    ...

Every machine makes these checks when it starts; the trial is made only here. It
runs a small guest with a timer in one piece and in uneven pieces, on both engines:
there must be one state hash. Exit status 0 if a machine can run, 69 if none can.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import click

from vectoros import __version__
from vectoros.commands._guest_cpu import guest_cpu
from vectoros.commands._options import json_option
from vectoros.messages import table
from vectoros.units import MIB

PACKAGES = ("unicorn", "keystone-engine", "capstone", "numpy", "click", "rich")

UNAVAILABLE = 69
"""Exit status: no machine can run here (``EX_UNAVAILABLE`` of sysexits.h)."""

NOTE = (
    "x87 transcendentals (FSIN and its like) are computed by this host's mathematical library: "
    "their last bit may differ on another host"
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was tried."""

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What was found."""

    engine: str | None
    """What ``--engine auto`` takes; None if nothing can run."""
    why: str
    checks: list[Finding]
    trials: list[Finding]
    notes: list[str]
    """What does not hold here, or not everywhere."""

    @property
    def ok(self) -> bool:
        """Whether a machine can run, and is exact."""
        return self.engine is not None and all(trial.ok for trial in self.trials)


def diagnose() -> Diagnosis:
    """Make every check and the trial."""
    try:
        from vectoros.cpu.selftest import caveats, fast_engine_checks
    except ImportError as reason:
        broken = Finding("libraries", False, str(reason))
        return Diagnosis(None, f"nothing can run: {reason}", [broken], [], [NOTE])
    checks = [Finding(check.name, check.ok, check.detail) for check in fast_engine_checks()]
    last = checks[-1]
    if last.ok:
        engine, why = "fast", "all that the fast engine relies on holds here"
    else:
        engine, why = "portable", f"the fast engine cannot run: {last.name}: {last.detail}"
    checks += _unguarded()
    engines = ["fast", "portable"] if last.ok else ["portable"]
    trials = [_trial(name) for name in engines]
    return Diagnosis(engine, why, checks, trials, [NOTE, *caveats()])


def _unguarded() -> list[Finding]:
    """Return a finding if the defects of Unicorn that a guest can reach are not repaired here."""
    from vectoros.cpu import repairs

    reason = repairs.repair()
    if reason is None:
        return []
    detail = f"none, so that a guest may end this process or leave its ring: {reason}"
    return [Finding("guards of the host", False, detail)]


def _trial(engine: str) -> Finding:
    from vectoros.trial import TICKS, exactness

    fault = exactness(engine)
    return Finding(
        f"trial, {engine}",
        fault is None,
        fault or f"{TICKS} ticks: one state hash, with pauses and without",
    )


def host() -> dict[str, Any]:
    """Return what this computer is."""
    return {
        "system": platform.platform(),
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "memory_mib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // MIB,
    }


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def versions() -> dict[str, str]:
    """Return the release of Python and of each package that VectorOS stands on."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def data(found: Diagnosis) -> dict[str, Any]:
    """Return everything as data."""
    return {
        "ok": found.ok,
        "version": __version__,
        "engine": found.engine,
        "why": found.why,
        "checks": [_row(check) for check in found.checks],
        "trials": [_row(trial) for trial in found.trials],
        "cpu": None if found.engine is None else asdict(guest_cpu(found.engine)),
        "versions": versions(),
        "host": host(),
        "notes": found.notes,
    }


def _row(finding: Finding) -> dict[str, Any]:
    return {"name": finding.name, "ok": finding.ok, "detail": finding.detail}


def text(found: Diagnosis) -> Iterator[str]:
    """Yield everything for people."""
    yield f"VectorOS {__version__} on Python {sys.executable}"
    yield f"--engine auto takes: {found.engine or 'nothing'}; {found.why}"
    yield ""
    rows = [
        (finding.name, "ok" if finding.ok else "FAILED", finding.detail if show else "")
        for show, finding in _shown(found)
    ]
    yield table(("check", "result", ""), rows)
    yield ""
    if found.engine is not None:
        cpu = guest_cpu(found.engine)
        yield table(("the guest's CPU", str(cpu)), cpu.rows())
        yield ""
    facts = {**versions(), **{name: str(value) for name, value in host().items()}}
    yield table(("this host", ""), facts.items())
    yield ""
    for note in found.notes:
        yield f"Note: {note}."


def _shown(found: Diagnosis) -> Iterator[tuple[bool, Finding]]:
    """Yield each finding, and whether its detail says more than its result."""
    for finding in (*found.checks, *found.trials):
        yield finding.detail != "ok", finding


@click.command("doctor", help=__doc__)
@json_option
def command(as_json: bool) -> int:
    """Print the diagnosis; return whether a machine can run."""
    found = diagnose()
    if as_json:
        click.echo(json.dumps(data(found), indent=2))
    else:
        for line in text(found):
            click.echo(line)
    return 0 if found.ok else UNAVAILABLE
