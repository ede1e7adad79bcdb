"""The ``vectoros`` command: one subcommand a module of ``vectoros.commands``.

A module's docstring is its manual, and its first line the summary that
``vectoros --help`` shows. Modules are loaded when they are used, so that
``--help`` does not wait for an emulator.

Exit statuses: docs/reference/cli.md. Two are made here and nowhere else: 2 for
wrong usage, and 1 for a bug of ours, which ends with its traceback.
"""

from __future__ import annotations

import ast
import errno
import importlib
import importlib.util
import os
import signal
import sys
from collections.abc import Sequence
from types import TracebackType

import click

from vectoros import __version__
from vectoros.errors import BadFileError, UsageError, UserError
from vectoros.messages import error, say

COMMANDS = ("boot", "image", "snapshot", "kernel", "devices", "doctor", "bench")
"""In the order in which ``--help`` lists them."""

EXIT_INTERRUPTED = 128 + signal.SIGINT
OUTPUT_ERRORS = (errno.EPIPE, errno.ENOSPC)
"""What can be wrong with standard output."""


class Group(click.Group):
    """The subcommands, none of them loaded before it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return every name."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one command."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"vectoros.commands.{cmd_name}")
        command: click.Command = module.command
        return with_verbatim_help(command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without loading any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary(name)) for name in COMMANDS])


def summary(name: str) -> str:
    """Return the first line of a command's manual, from its source."""
    spec = importlib.util.find_spec(f"vectoros.commands.{name}")
    if spec is None or spec.origin is None:
        return ""
    with open(spec.origin, encoding="utf-8") as source:
        docstring = ast.get_docstring(ast.parse(source.read())) or ""
    return docstring.partition("\n")[0]


def with_verbatim_help(command: click.Command) -> click.Command:
    """Tell click to leave indented paragraphs of the manual, the transcripts, as they are."""
    if command.help and "\b" not in command.help:
        paragraphs = command.help.split("\n\n")
        command.help = "\n\n".join(
            f"\b\n{text}" if text.lstrip("\n").startswith((" ", "|")) else text
            for text in paragraphs
        )
    if isinstance(command, click.Group):
        for child in command.commands.values():
            with_verbatim_help(child)
    return command


@click.group(
    "vectoros",
    cls=Group,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    no_args_is_help=False,
)
@click.version_option(__version__, message="%(prog)s %(version)s")
def vectoros() -> None:
    """Boot disk images on an x86_64 PC that does the same thing every time."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status."""
    sys.excepthook = _report_bug
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words:
        click.echo(click.Context(vectoros, info_name="vectoros").get_help(), err=True)
        return UsageError.status
    try:
        # Not click's own main(): it ends with status 1 when nobody reads the output.
        with vectoros.make_context("vectoros", words) as ctx:
            status = vectoros.invoke(ctx)
    except click.exceptions.Exit as done:
        return done.exit_code
    except UserError as reason:
        error(str(reason))
        return reason.status
    except click.ClickException as reason:
        error(_sentence(reason))
        return reason.exit_code
    except (click.Abort, KeyboardInterrupt):
        say("interrupted")
        return EXIT_INTERRUPTED
    except OSError as reason:
        if reason.errno not in OUTPUT_ERRORS:
            raise
        return _output_failed(reason)
    return status if isinstance(status, int) else 0


def _sentence(reason: click.ClickException) -> str:
    """Return what click has to say as one sentence that names the command."""
    text = " ".join(reason.format_message().split()).rstrip(".")
    if isinstance(reason, click.UsageError) and reason.ctx is not None:
        text += f" (see '{reason.ctx.command_path} --help')"
    return text


def _output_failed(reason: OSError) -> int:
    """End well if the reader has gone away, and with one sentence if there is no room."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())  # or Python complains when it flushes at exit
    os.close(nowhere)
    if reason.errno == errno.EPIPE:
        return 0
    error(f"standard output cannot be written: {reason.strerror}")
    return BadFileError.status


def _report_bug(
    kind: type[BaseException], value: BaseException, traceback: TracebackType | None
) -> None:
    """Print the traceback of an exception that nobody caught, and ask for it."""
    sys.__excepthook__(kind, value, traceback)
    error("this is a bug in VectorOS; please report it with the lines above")
