"""What VectorOS itself says to a person: on standard error, never among the guest's output.

Colour is for a terminal only, and not even there if ``NO_COLOR`` is set
(https://no-color.org) or the terminal is dumb.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import IO, Any

import click

PREFIX = "vectoros: "

HINT: dict[str, Any] = {"dim": True}
PROBLEM: dict[str, Any] = {"fg": "yellow"}
ERROR: dict[str, Any] = {"fg": "red", "bold": True}
HEADING: dict[str, Any] = {"bold": True}
_MARKS = {"  > ": PROBLEM, "  ? ": HINT, "  --": HINT, "  $ ": HEADING}
"""Style of the indented lines of a document, by how they begin."""


def coloured(stream: IO[Any] | None) -> bool:
    """Whether text for ``stream`` may have colour."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return stream is not None and stream.isatty()


def put(text: str) -> None:
    """Print ``text``, which may be styled, as a line; if nobody can see it, so be it."""
    with suppress(OSError):  # a window that was closed, a pipe that nobody reads
        click.echo(text, err=True, color=coloured(sys.stderr))


def say(text: str, style: dict[str, Any] | None = None) -> None:
    """Print one line that begins with the program's name."""
    put(click.style(PREFIX + text, **(style or {})))


def error(sentence: str) -> None:
    """Print the one sentence that explains a failure."""
    put(f"{PREFIX}{click.style('error:', **ERROR)} {sentence}")


def document(text: str) -> None:
    """Print a report of several lines.

    Those that are not indented are its headings, the first one above all. An arrow marks
    a line to look at; a question mark one that is not certain, and dashes a break.
    """
    for number, line in enumerate(text.splitlines()):
        if line.startswith(" ") or not line:
            style = _MARKS.get(line[:4], {})
        else:
            style = HEADING if number else ERROR
        put(click.style(line, **style) if style else line)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table for standard output.

    On a terminal the last column wraps; elsewhere a row is one line.
    """
    # Loaded here: `vectoros --help` needs no table.
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=any(header))
    for index, name in enumerate(header):
        last = index == len(header) - 1
        grid.add_column(name, no_wrap=not last, overflow="fold")
    for row in rows:
        grid.add_row(*map(Text, row))
    colour = coloured(sys.stdout)
    width = None if sys.stdout is not None and sys.stdout.isatty() else 10_000
    console = Console(color_system="standard" if colour else None, width=width)
    with console.capture() as capture:
        console.print(grid)
    return "\n".join(line.rstrip() for line in capture.get().splitlines())
