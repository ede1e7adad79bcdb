"""Show the kernel's interface, and what a kernel has in memory.

    $ vectoros kernel abi Untyped.Describe
    0x0101  Untyped.Describe() -> base, size_bits, used, device
            say where the memory is, and how many bytes of it are not free (cost 2)

    $ vectoros snapshot save images/dev.img -o ready.vxs --until 'vectoros> '
    ready.vxs: tick ...

    $ vectoros kernel show ready.vxs --threads
    Threads
    ...
    ticker  2   BlockedOnNotification  120/120 ...
    ...

    $ vectoros kernel show ready.vxs --svg capabilities.svg
    capabilities.svg: ... capabilities, ... nodes, ... holders

The interface is what the tables say that the kernel runs with: nothing is started. What
a kernel has in memory is read from a snapshot, or from RAM as a file of bytes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from vectoros.commands._options import PATH, check_output, json_option, open_output
from vectoros.errors import UsageError

if TYPE_CHECKING:
    from vectoros.kernel_view.show import Showing

STANDARD = Path("-")
"""Standard output, where a file is asked for."""


@click.group("kernel", help=__doc__, no_args_is_help=False)
def command() -> None:
    """Hold the subcommands."""


@command.command()
@click.argument("name", required=False)
@json_option
def abi(name: str | None, as_json: bool) -> None:
    """Show traps, types, rights, errors, faults, states and methods.

    With a NAME, such as CNode or CNode.Copy, show only those methods. What a method
    refuses is told in the order in which it is checked, with the words of the answer.
    """
    # Loaded here: `vectoros kernel --help` needs no tables.
    from vectoros.kernel_view import abi as view

    if name is None:
        click.echo(json.dumps(view.data(), indent=2) if as_json else view.text())
        return
    methods = view.chosen(name)
    if as_json:
        click.echo(json.dumps({"methods": [*map(view.method_data, methods)]}, indent=2))
    else:
        click.echo("\n\n".join(map(view.method_text, methods)))


F = TypeVar("F", bound=Callable[..., object])

SECTIONS = {
    "tree": "Who derived which capability from which, and in whose slot it is.",
    "threads": "What each thread does, and the time that it may use.",
    "queues": "Who is ready, who waits where, and which interrupts signal what.",
    "spaces": "What each address space maps, and how it may be used.",
    "memory": "What was made of each untyped, and how the ledger adds up.",
    "audit": "What is left of the audit log.",
}


def section_options(function: F) -> F:
    """Add an option for each section."""
    for name, meaning in reversed(SECTIONS.items()):
        function = click.option(f"--{name}", is_flag=True, help=meaning)(function)
    return function


@command.command()
@click.argument("file", type=PATH)
@section_options
@click.option("--full", is_flag=True, help="In the tree, list each frame and page table.")
@json_option
@click.option(
    "--svg",
    type=PATH,
    metavar="FILE",
    help="Draw who holds which capabilities; - is standard output.",
)
@click.option("--dot", type=PATH, metavar="FILE", help="Write it for Graphviz, likewise.")
def show(
    file: Path,
    full: bool,
    as_json: bool,
    svg: Path | None,
    dot: Path | None,
    **options: bool,
) -> None:
    """Show the kernel in FILE, a snapshot or RAM: everything, or the sections asked for.

    If something in its memory cannot be, the rest is shown all the same; then one
    sentence says what it is, and the exit status is 65. With --svg or --dot nothing
    but the picture is made.
    """
    from vectoros.kernel_view import image
    from vectoros.kernel_view.show import Showing

    sections = [name for name in SECTIONS if options[name]]
    pictures = {"--svg": svg, "--dot": dot}
    if svg or dot:
        if sections or full or as_json:
            raise UsageError("--svg and --dot draw everything: give no section, --full or --json")
        if svg == dot:
            raise UsageError(f"--svg and --dot cannot both be written to {svg}")
        for option, path in pictures.items():
            if path and path.exists() and file.exists() and path.samefile(file):
                raise UsageError(f"{option} {path}: is the file that is to be shown")
        draw(Showing(image.load(file)), {name: path for name, path in pictures.items() if path})
        return
    showing = Showing(image.load(file))
    chosen = sections or list(SECTIONS)
    click.echo(showing.json(chosen) if as_json else showing.text(chosen, full=full))
    showing.check()


def draw(showing: Showing, pictures: dict[str, Path]) -> None:
    """Make the pictures, each in its file or on standard output."""
    from vectoros.kernel_view.dot import document
    from vectoros.kernel_view.svg import picture

    for option, path in pictures.items():
        if path != STANDARD:
            check_output(option, path)
    for option, path in pictures.items():
        content = showing.picture(picture if option == "--svg" else document)
        if path == STANDARD:
            click.echo(content, nl=False)
            continue
        with open_output(option, path) as file:
            file.write(content.encode())
        click.echo(f"{path}: {showing.counts}")
