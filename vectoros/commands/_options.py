"""Options that several commands share, and how their values are read."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self, TypeVar, cast

import click

from vectoros.config import ENGINES, rtc_start
from vectoros.errors import UsageError
from vectoros.symbols.files import parse as symbol_file
from vectoros.units import parse_duration, parse_size, ticks_for

if TYPE_CHECKING:
    from vectoros.api import Machine

Function = TypeVar("Function", bound=Callable[..., object])
T = TypeVar("T")

PATH = click.Path(path_type=Path)
TRACE_KINDS = "port, mmio, irq, fault, milestone"


@dataclass(frozen=True, slots=True)
class Serial:
    """Where the serial port leads."""

    kind: str
    path: Path | None = None


@dataclass(frozen=True, slots=True)
class Display:
    """Who sees the screen."""

    kind: str
    path: Path | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """What to trace, and to which file; standard error if there is none."""

    kinds: tuple[str, ...]
    path: Path | None


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How to run a machine, as the options of :func:`run_options` say."""

    serial: Serial
    display: Display
    until: str | None
    max_time: int | None
    """Ticks."""
    pace: str | None
    report: Path | None
    trace: Trace | None
    explain: bool
    symbols: tuple[tuple[Path, int], ...]
    """Files, and how much higher than it says there the code of each runs."""
    panic_watch: bool
    branches: bool

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Take the options out of what click passes to a command."""
        chosen = {field.name: values[field.name] for field in fields(cls)}
        on_terminal = chosen["display"].kind == "terminal"
        if chosen["serial"] is None:
            chosen["serial"] = Serial("null" if on_terminal else "stdio")
        elif on_terminal and chosen["serial"].kind == "stdio":
            raise UsageError("--serial stdio and --display terminal cannot share one terminal")
        return cls(**chosen)


# -- values --------------------------------------------------------------------


def duration(text: str) -> int:
    """Return the ticks of a virtual time such as ``10s``."""
    return ticks_for(parse_duration(text))


def moment(text: str) -> int:
    """Return a tick, given as a number or as virtual time since power-on."""
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else duration(text)


def pattern(text: str) -> str:
    """Return ``text`` if it is a regular expression."""
    try:
        re.compile(text)
    except re.error as reason:
        raise ValueError(f"{text!r} is not a regular expression: {reason}") from None
    return text


def serial(text: str) -> Serial:
    """Return where a serial port called ``stdio``, ``null`` or ``file:PATH`` leads."""
    kind, colon, path = text.partition(":")
    if kind == "file" and path:
        return Serial("file", Path(path))
    if colon or kind not in ("stdio", "null"):
        raise ValueError(f"must be stdio, null or file:PATH, not {text!r}")
    return Serial(kind)


def display(text: str) -> Display:
    """Return who sees the screen, given as ``none``, ``terminal`` or ``png:PATH``."""
    kind, colon, path = text.partition(":")
    if kind == "png" and path:
        return Display("png", Path(path))
    if colon or kind not in ("none", "terminal"):
        raise ValueError(f"must be none, terminal or png:PATH, not {text!r}")
    return Display(kind)


def trace(text: str) -> Trace:
    """Return what ``KIND[,KIND...][:FILE]`` asks for; whether there are such kinds, is not ours."""
    kinds, _, path = text.partition(":")
    return Trace(tuple(kinds.split(",")), Path(path) if path else None)


def symbol_files(
    _ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]
) -> tuple[tuple[Path, int], ...]:
    """Return the files and offsets of ``--symbols``."""
    return tuple(map(symbol_file, values))


def reading(
    convert: Callable[[str], T],
) -> Callable[[click.Context, click.Parameter, str | None], T | None]:
    """Return the callback of an option whose value ``convert`` reads."""

    def callback(_ctx: click.Context, param: click.Parameter, value: str | None) -> T | None:
        if value is None:
            return None
        try:
            return convert(value)
        except ValueError as reason:
            raise UsageError(f"{param.opts[-1]}: {reason}") from None

    return callback


# -- options -------------------------------------------------------------------


def engine_option(function: Function) -> Function:
    """Add ``--engine``."""
    return click.option(
        "--engine", type=click.Choice(ENGINES), default="auto", show_default=True,
        help="What runs the CPU; auto is the fast engine where it can run.",
    )(function)  # fmt: skip


def memory_option(function: Function) -> Function:
    """Add ``--memory``."""
    return click.option(
        "--memory", metavar="SIZE", callback=reading(parse_size),
        help="RAM, from 1M to 3G, in whole pages.  [default: 64M, or 256M with --kernel]",
    )(function)  # fmt: skip


def rtc_option(function: Function) -> Function:
    """Add ``--rtc``."""
    return click.option(
        "--rtc", metavar="TIME", default="2026-01-01T00:00:00", show_default=True,
        callback=reading(rtc_start),
        help="What the real-time clock tells at power-on, in UTC.",
    )(function)  # fmt: skip


def reboot_option(function: Function) -> Function:
    """Add ``--no-reboot``."""
    return click.option(
        "--no-reboot", "reboot", is_flag=True, flag_value=False, default=True,
        help="Stop when the guest resets the machine, with status 0.",
    )(function)  # fmt: skip


def firmware_option(function: Function) -> Function:
    """Add ``--no-bios``."""
    return click.option(
        "--no-bios", "firmware", is_flag=True, flag_value=False, default=True,
        help="Start at the disk's first sector; there is no BIOS to call.",
    )(function)  # fmt: skip


def append_option(function: Function) -> Function:
    """Add ``--append``."""
    return click.option(
        "--append", metavar="TEXT", default="",
        help="The guest's command line: at most 127 printable characters, or 2047 for --kernel.",
    )(function)  # fmt: skip


def kernel_options(function: Function) -> Function:
    """Add ``--kernel`` and ``--initrd``."""
    kernel = click.option(
        "--kernel", type=PATH, metavar="FILE",
        help="Start this kernel file, without a BIOS: a Linux bzImage, a multiboot 1 kernel or "
        "an ELF64 executable.",
    )  # fmt: skip
    initrd = click.option(
        "--initrd",
        type=PATH,
        metavar="FILE",
        help="What Linux finds in memory, or the module of a multiboot kernel.",
    )
    return kernel(initrd(function))


def until_option(function: Function) -> Function:
    """Add ``--until``."""
    return click.option(
        "--until", metavar="REGEX", callback=reading(pattern),
        help="Stop when this appears in the serial output.",
    )(function)  # fmt: skip


def json_option(function: Function) -> Function:
    """Add ``--json``."""
    option = click.option("--json", "as_json", is_flag=True, help="Print data for programs.")
    return option(function)


def run_options(function: Function) -> Function:
    """Add the options that say how to run a machine: those of :class:`RunOptions`."""
    options = (
        click.option(
            "--serial", metavar="stdio|null|file:PATH", callback=reading(serial),
            help="Where the serial port leads; only stdio gives input.  [default: stdio, or null"
            " with --display terminal]",
        ),
        click.option(
            "--display", metavar="none|terminal|png:PATH", default="none", show_default=True,
            callback=reading(display),
            help="Show the screen in this terminal, whose keys are the PC's then; or write it as"
            " a picture when the run ends.",
        ),
        until_option,
        click.option(
            "--max-time", metavar="TIME", callback=reading(duration),
            help="Stop after this much virtual time, such as 10s.  [default: 60s, unless --until"
            " is given or a person sits at the terminal]",
        ),
        click.option(
            "--pace", type=click.Choice(["real", "max"]),
            help="Whether an idle guest waits for the host's clock.  [default: real if a person"
            " sits at the terminal, else max]",
        ),
        click.option(
            "--report", type=PATH, metavar="FILE",
            help="Write what happened to this JSON file, however the run ends.",
        ),
        click.option(
            "--trace", metavar="KIND[,KIND...][:FILE]", callback=reading(trace),
            help=f"Write a line for each event, to standard error or FILE: {TRACE_KINDS}.",
        ),
        click.option(
            "--symbols", metavar="FILE[@+0xOFFSET]", multiple=True, callback=symbol_files,
            help="Names for the crash report: an ELF program, a System.map or a map of ours, and"
            " how much higher than it says there the code runs. May be given several times."
            "  [default: the map beside the image]",
        ),
        click.option(
            "--branches", is_flag=True,
            help="Have a crash report tell the last branches. Code runs at three quarters of its"
            " speed.",
        ),
        click.option(
            "--no-panic-watch", "panic_watch", is_flag=True, flag_value=False, default=True,
            help="Run on when the guest's Linux kernel has panicked.",
        ),
        click.option(
            "--explain", is_flag=True,
            help="Tell on standard output, in sentences, what happens for the first time, where"
            " it is written, and where to read on.",
        ),
    )  # fmt: skip
    for option in reversed(options):
        function = option(function)
    return function


def make_machine(image: Path | None, options: Mapping[str, Any]) -> Machine:
    """Return the machine that boots ``image``, or the kernel file that ``options`` name."""
    from vectoros.api import Machine

    chosen = {name: value for name, value in options.items() if value is not None}
    if "kernel" in chosen:
        if not chosen.pop("firmware"):
            raise UsageError("--no-bios means nothing with --kernel, which never has a BIOS")
        return Machine.from_kernel(chosen.pop("kernel"), disk=image, **chosen)
    if "initrd" in chosen:
        raise UsageError("--initrd needs --kernel: nobody else would look for it")
    if image is None:
        sentence = "there is nothing to boot: give an IMAGE, or --kernel FILE"
        raise click.UsageError(sentence, click.get_current_context())
    return Machine.from_image(image, **chosen)


# -- files to be written ---------------------------------------------------------


def check_output(option: str, path: Path) -> None:
    """Raise :class:`UsageError` if no file can be written at ``path``; leave nothing there."""
    if path.exists() and not path.is_file():
        raise UsageError(f"{option} {path}: cannot be written: it is there and is no regular file")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as reason:
        raise UsageError(f"{option} {path}: cannot be written: {reason.strerror}") from None


def open_output(option: str, path: Path) -> BinaryIO:
    """Open the file at ``path`` for writing, unbuffered."""
    try:
        return cast(BinaryIO, path.open("wb", buffering=0))
    except OSError as reason:
        raise UsageError(f"{option} {path}: cannot be written: {reason.strerror}") from None
