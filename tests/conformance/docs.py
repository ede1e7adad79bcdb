"""Make the page that says what is architectural and what is not, from the allow-list.

    $ python -m tests.conformance.docs docs/reference/architectural.md

writes the page. It is committed, and a test compares it with what this makes of the
programs and of the allow-list.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from tests.conformance import allowlist
from tests.conformance.allowlist import Pinned, Row
from tests.conformance.subjects import FOLDER, names, subject
from tests.cpu.absent_features import DEVIATIONS
from vectoros.devices.docs import markdown_table

GENERATED = "<!-- Made by `python -m tests.conformance.docs {path}`. Do not edit. -->"
PAGE = "docs/reference/architectural.md"

_START = """\
# What is architectural

The emulated processor does what the Intel SDM says, as far as the programs of
`tests/guest/cpu` ask. Each runs unchanged on the fast engine, on the portable one and on
QEMU's TCG; each compares with the manual's values itself. Everything listed as a subject
below is architectural but for the cases that a row of the next section names: those are
pinned to what they print today, and their number may only fall.

    pytest -m conformance

runs them all. QEMU is a witness, not a judge: where it differs from the manual, that is
listed apart."""


def page() -> str:
    """Return the page."""
    known = allowlist.load()
    cases = sum(len(subject(name).cases) for name in names())
    parts = [
        GENERATED.format(path=PAGE),
        _START,
        "## What is not",
        f"{known.length} of {cases} cases do not pass on one of our engines or on both.",
        *map(_row, known.ours),
        "### Pinned by tests of the engines",
        "No program of `tests/guest/cpu` shows these. They are not in the count above.",
        *map(_pinned, known.pinned),
        "Encodings of features that our CPU does not have raise #UD, but for these:",
        "\n".join(_absent()),
        "## Where QEMU differs",
        "QEMU 7.2 (TCG) differs from the manual here, and our engines do not, unless they are"
        " named above.",
        *map(_paragraph, known.witness),
        "## Subjects",
        markdown_table(("subject", "cases", "what it is about"), _subjects()),
    ]
    return "\n\n".join(parts) + "\n"


def _subjects() -> Iterator[tuple[str, str, str]]:
    for name in names():
        yield f"`{name}`", str(len(subject(name).cases)), _about(FOLDER / f"{name}.S")


def _about(path: Path) -> str:
    """Return the first sentence of the source's head: ``# name.S -- what it is about.``."""
    words: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        text = line.removeprefix("#").strip()
        if not line.startswith("#") or not text:
            break
        words.append(text)
    return " ".join(words).partition(" -- ")[2].partition(". ")[0].rstrip(".")


def _paragraph(row: Row) -> str:
    count = f"{len(row.cases)} case" + "s" * (len(row.cases) != 1)
    machines = " and ".join(row.machines)
    return f"**{row.reason}** (Intel SDM {row.source}; {count}, {machines})"


def _pinned(row: Pinned) -> str:
    test = f"`{row.test}`" if row.test else "not tested"
    return f"**{row.reason}** (Intel SDM {row.source}; {test})"


def _absent() -> Iterator[str]:
    for feature, (code, source, what) in DEVIATIONS.items():
        yield f"* {feature.partition(' ')[0]}, `{code}`: {what} (Intel SDM {source})"


def _row(row: Row) -> str:
    """Return a paragraph, and what each of its cases prints."""
    return f"{_paragraph(row)}\n\n" + "\n".join(
        f"* `{case}`: `{outcome}`" for case, outcome in sorted(row.cases.items())
    )


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
