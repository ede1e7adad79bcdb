"""Make the reference page of the command line, from what the commands declare.

    $ python -m vectoros.manual > docs/reference/cli.md

writes the page. It is committed, and a test compares it with the code.
"""

from __future__ import annotations

import inspect
import sys
import textwrap
from collections.abc import Iterator

import click

from vectoros.cli import COMMANDS, vectoros

GENERATED = "<!-- Made by `python -m vectoros.manual`. Do not edit. -->"

WIDTH = 100
"""Columns of a usage line: the page must not depend on somebody's terminal."""

INTRODUCTION = """\
# The command line

What a command does to a machine is a method of `vectoros.Machine` first. Messages of
VectorOS go to standard error, in colour only on a terminal and never if `NO_COLOR`
is set; standard output has what was asked for and nothing else. `python -m vectoros`
is the same command.

Exit statuses that every command has: 0 done, or nobody reads the output any more
(`| head`); 1 a bug in VectorOS, with its traceback; 2 an option or an argument is
wrong; 65 a file is not what it should be; 130 Ctrl-C. For 2 and 65 one sentence on
standard error names the file or option, the rule and the offender, and nothing has
been written."""


def page() -> str:
    """Return the page."""
    return "\n\n".join([GENERATED, INTRODUCTION, *_commands()]) + "\n"


def _commands() -> Iterator[str]:
    ctx = click.Context(vectoros, info_name="vectoros", terminal_width=WIDTH)
    for name in COMMANDS:
        command = vectoros.get_command(ctx, name)
        if command is not None:
            yield from _command(command, ctx, name, "##")


def _command(
    command: click.Command, parent: click.Context, name: str, heading: str
) -> Iterator[str]:
    """Yield the parts of the page about one command and its subcommands."""
    ctx = click.Context(command, info_name=name, parent=parent)
    yield f"{heading} {ctx.command_path.partition(' ')[2]}"
    yield f"```text\n{ctx.get_usage()}\n```"
    yield from _paragraphs(command.help or "")
    options = [param for param in command.params if isinstance(param, click.Option)]
    if options:
        yield "\n".join(["| option | meaning |", "|---|---|", *(_row(o, ctx) for o in options)])
    if isinstance(command, click.Group):
        for child_name, child in command.commands.items():
            yield from _command(child, ctx, child_name, heading + "#")


def _paragraphs(text: str) -> Iterator[str]:
    """Yield the paragraphs of a manual as Markdown: what is indented is shown as it is."""
    for paragraph in inspect.cleandoc(text.replace("\b\n", "")).split("\n\n"):
        shown = textwrap.dedent(paragraph)
        yield f"```text\n{shown}\n```" if paragraph.startswith("    ") else paragraph


def _row(option: click.Option, ctx: click.Context) -> str:
    names, text = option.get_help_record(ctx) or ("", "")
    cells = (f"`{names}`".replace("|", "\\|"), text.replace("|", "\\|"))
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    sys.stdout.write(page())
