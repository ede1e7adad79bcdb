"""Measure VectorOS against its targets and its peers, on this machine.

    $ vectoros bench mips traps --json rows.json

Each row is one number: its median and worst sample, its unit, its target and
whether the median met it, and its ratio to a peer that was measured in the same
run, in turn. What is compared with QEMU needs qemu-system-x86_64; without it those
rows are missing. The questions are the files of benchmarks/, which is part of the
repository and not of the installed package: run this in a checkout. Without a
NAME it takes some minutes and asks all of them:

    boot      how long one waits for the prompt, and for what
    flat      how fast compiled code runs for guests that know nothing of NX
    gate      what it costs to ask the kernel for nothing
    kernel    what the kernel's services cost, with 10 processes and with 1,000
    linux     how long an unmodified Linux takes to its shell, beside QEMU
    mips      how fast compiled code runs, and what exact virtual time costs
    snapshot  what a snapshot costs, and what going back to it costs
    traps     what it costs a guest to leave the code that it runs

Exit status 0, whether or not a target was met.
"""

from __future__ import annotations

import json
from pathlib import Path

import click

from vectoros.bench import HEADER, Row, as_json, cells, find, host, load
from vectoros.errors import UsageError
from vectoros.files import write_atomic
from vectoros.messages import say, table


@click.command("bench", help=__doc__)
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option(
    "--json",
    "json_path",
    type=click.Path(path_type=Path),
    help="Also write the rows to this file, as JSON for programs.",
)
@click.option("--quick", is_flag=True, help="A second each, without QEMU: to see that all runs.")
def command(names: tuple[str, ...], json_path: Path | None, quick: bool) -> None:
    """Measure what ``names`` ask, or everything."""
    questions = load(find(Path.cwd()))
    unknown = [name for name in names if name not in questions]
    if unknown:
        raise UsageError(f"there is no benchmark {unknown[0]!r}; there are {', '.join(questions)}")
    rows: list[Row] = []
    for name in dict.fromkeys(names or questions):
        say(f"{name}: {(questions[name].__doc__ or '').partition(chr(10))[0]}")
        rows += questions[name].measure(quick)
    click.echo(", ".join(f"{name} {value}" for name, value in host().items()))
    click.echo(table(HEADER, map(cells, rows)))
    if json_path is not None:
        write_atomic(json_path, json.dumps(as_json(rows), indent=2).encode() + b"\n")
