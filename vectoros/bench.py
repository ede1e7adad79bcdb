"""Measuring: rows of numbers, each with its unit, a peer and a target.

A *question* is a module of the checkout's ``benchmarks/``: its docstring asks,
its ``measure(quick)`` answers with rows. That folder is not installed, because
it measures a working tree; :func:`find` looks for it.

Promise: a ratio compares samples that were taken in turn, in one run, on one
machine (:func:`alternate`), and is the median of the ratios round by round. So
it means something on a busy machine, where a number alone does not.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import platform
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Protocol, cast

from vectoros.errors import UsageError, hold

SPEEDS = frozenset({"MIPS", "x"})
"""Units of which more is better; of every other one, a time, less is. ``x`` is a ratio."""

_PACKAGE = "benchmarks"

HEADER = ("name", "median", "worst", "unit", "target", "met", "ratio to", "how measured")


@dataclass(frozen=True, slots=True)
class Row:
    """One number: what the table and the JSON form show in a line."""

    name: str
    median: float
    worst: float
    unit: str
    target: float | None
    """What the median is to reach, in the row's unit."""
    met: bool | None
    ratio: float | None
    """The number in terms of the one that ``against`` names."""
    against: str | None
    how: str
    """What a sample is, and how many were taken."""


class Question(Protocol):
    """A module of ``benchmarks/``."""

    __doc__: str | None

    def measure(self, quick: bool) -> list[Row]:
        """Answer; if ``quick``, in about a second, without QEMU, with numbers good for nothing."""


# -- numbers -----------------------------------------------------------------


def alternate(rounds: int, subjects: Mapping[str, Callable[[], float]]) -> dict[str, list[float]]:
    """Sample every subject once a round, in turn; return the samples by subject."""
    samples: dict[str, list[float]] = {name: [] for name in subjects}
    for _ in range(rounds):
        for name, sample in subjects.items():
            samples[name].append(sample())
    return samples


def slope(seconds: Callable[[int], float], short: int, long: int) -> float:
    """Return the time of one more repetition: what ``long`` costs beyond ``short``.

    What it costs to start is in both, and so in neither.
    """
    return (seconds(long) - seconds(short)) / (long - short)


def row(
    name: str,
    unit: str,
    samples: Sequence[float],
    how: str,
    *,
    target: float | None = None,
    peer: tuple[str, Sequence[float]] | None = None,
) -> Row:
    """Return the row of ``samples``; ``peer`` is what to compare with, sample by sample."""
    hold(len(samples) > 0, f"{name} has no samples")
    middle = median(samples)
    speed = unit in SPEEDS
    met = None
    if target is not None:
        met = middle >= target if speed else middle < target
    ratio = None if peer is None else median(_paired(samples, peer[1]))
    against = None if peer is None else peer[0]
    worst = min(samples) if speed else max(samples)
    how = f"{how}; {len(samples)} samples"
    return Row(name, middle, worst, unit, target, met, ratio, against, how)


def ratio_row(
    name: str, samples: Sequence[float], peer: tuple[str, Sequence[float]], target: float
) -> Row:
    """Return a row whose number is the ratio of ``samples`` to ``peer``, both speeds."""
    ratios = _paired(samples, peer[1])
    one = row(name, "x", ratios, "ratio of the two speeds", target=target)
    return replace(one, ratio=one.median, against=peer[0])


def _paired(samples: Sequence[float], peer: Sequence[float]) -> list[float]:
    """Return the ratio of each sample to the peer's of the same round."""
    return [ours / theirs for ours, theirs in zip(samples, peer, strict=True)]


# -- the two forms -----------------------------------------------------------


def as_json(rows: Iterable[Row]) -> dict[str, object]:
    """Return what ``vectoros bench --json`` writes."""
    return {"host": host(), "rows": [asdict(one) for one in rows]}


def cells(one: Row) -> tuple[str, ...]:
    """Return ``one`` for people, a text for each of :data:`HEADER`."""
    target = ""
    if one.target is not None:
        target = f"{'>=' if one.unit in SPEEDS else '<'} {number(one.target)}"
    met = {None: "", True: "yes", False: "NO"}[one.met]
    ratio = "" if one.ratio is None else f"{number(one.ratio)} {one.against}"
    return (one.name, number(one.median), number(one.worst), one.unit, target, met, ratio, one.how)


def number(value: float) -> str:
    """Return ``value`` with about three digits that count.

    >>> number(1234.5), number(12.345), number(0.012345)
    ('1234', '12.3', '0.0123')
    """
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:#.3g}".rstrip(".")


def host() -> dict[str, object]:
    """Return what the numbers depend on besides the code."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.machine())


# -- the questions -----------------------------------------------------------


def find(start: Path) -> Path:
    """Return ``benchmarks/`` of the checkout at ``start``, or of the one that this code is in."""
    for root in (start, Path(__file__).resolve().parents[1]):
        folder = root / _PACKAGE
        if (folder / "programs" / "long_mode.S").is_file():
            return folder
    raise UsageError(
        f"bench measures a checkout of VectorOS, and {start} is none: it has no benchmarks/; "
        "clone the repository and run `vectoros bench` in it"
    )


def load(folder: Path) -> dict[str, Question]:
    """Import the questions in ``folder``, by name. Nothing is measured yet."""
    spec = importlib.util.spec_from_file_location(
        _PACKAGE, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    hold(spec is not None and spec.loader is not None, f"{folder} is not a package")
    if spec is not None and spec.loader is not None and _PACKAGE not in sys.modules:
        # By its path, and not by putting the checkout on sys.path: that would make
        # its kernel/ and devices/ importable under a second name.
        package = importlib.util.module_from_spec(spec)
        sys.modules[_PACKAGE] = package
        spec.loader.exec_module(package)
    names = sorted(path.stem for path in folder.glob("*.py") if path.stem != "__init__")
    modules = {name: importlib.import_module(f"{_PACKAGE}.{name}") for name in names}
    return {name: cast(Question, module) for name, module in modules.items()}
