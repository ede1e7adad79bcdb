"""How ``boot`` and ``snapshot restore`` run a machine and tell how it ended."""

from __future__ import annotations

import io
import json
import shutil
import signal
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import IO, Any

import click

from vectoros import __version__
from vectoros.api import Machine
from vectoros.board import Reason
from vectoros.commands._options import (
    RunOptions,
    Serial,
    Trace,
    check_output,
    open_output,
)
from vectoros.commands._reopen import reopen
from vectoros.console import Input, Output
from vectoros.crash import repeated_fault
from vectoros.disk import DiskImage
from vectoros.errors import UsageError
from vectoros.explain.narrator import Narrator
from vectoros.files import HostFile, write_atomic
from vectoros.guest_view import instruction_at_rip, location
from vectoros.messages import HINT, PROBLEM, coloured, document, put, say
from vectoros.session import Limits, Outcome, Session
from vectoros.trace import check_kinds
from vectoros.units import TICKS_PER_SECOND, format_ticks

STDIN, STDOUT = 0, 1

PLAIN_WIDTH, WIDEST = 80, 100
"""Columns of an explained boot: where there is no terminal, and in a wide one."""

DEFAULT_MAX_TICKS = 60 * TICKS_PER_SECOND
"""When there is nobody to stop the machine, and nothing else does."""

EX_SOFTWARE = 70
"""Of sysexits.h: the guest came to an end that is none."""

STATUS = {
    Reason.POWER_OFF: 0,
    Reason.RESET: 0,
    Reason.MATCH: 0,
    Reason.TRIPLE_FAULT: EX_SOFTWARE,
    Reason.IDLE: EX_SOFTWARE,
    Reason.PANIC: EX_SOFTWARE,
    Reason.TICK: 124,  # as timeout(1)
}
"""Exit status by the reason of the stop. The exit device and signals bring their own."""


def check_outputs(options: RunOptions) -> None:
    """Raise if a file that the run is to write cannot be written, before anything is done."""
    if options.report is not None:
        check_output("--report", options.report)
    if options.serial.path is not None:
        check_output("--serial", options.serial.path)
    if options.trace is not None and options.trace.path is not None:
        check_output("--trace", options.trace.path)
    if options.display.path is not None:
        check_output("--display", options.display.path)
    if options.display.kind == "terminal":
        _check_terminal(options)


def run(make: Callable[[], Machine], options: RunOptions) -> int:
    """Run the machine that ``make`` makes as ``options`` say; return the exit status."""
    check_outputs(options)
    started = time.perf_counter()
    with make() as machine:
        for path, offset in options.symbols:
            machine.add_symbols(path, offset)
        machine.panic_watch.enabled = options.panic_watch
        if options.branches:
            machine.record_branches()
        reached: list[float] = []  # host time of each new milestone
        machine.pc.on_milestone(lambda _: reached.append(time.perf_counter()))
        outcome = _run(machine, options)
        ended = time.perf_counter()
        if options.display.path is not None:
            from vectoros.display.png import png  # loads numpy, as the terminal below

            write_atomic(options.display.path, png(machine.screen.pixels()))
        if options.report is not None:
            report = _report(machine, outcome, ended - started)
            for row, moment in zip(reversed(report["timeline"]), reversed(reached), strict=False):
                row["wall_ms"] = round((moment - started) * 1000, 3)
            text = json.dumps(report, indent=2, ensure_ascii=False) + "\n"
            write_atomic(options.report, text.encode())
        _tell(machine, outcome)
        return exit_status(outcome)


def run_to_point(machine: Machine, until: str | None, max_ticks: int) -> int:
    """Run unseen until ``until`` appears, or for ``max_ticks``; return 0 if it came to that."""
    session = Session(machine, Input(None), Output(None, "null"), real_time=False, terminal=False)
    outcome = session.run(Limits(until, max_ticks))
    if outcome.stop.reason is (Reason.TICK if until is None else Reason.MATCH):
        return 0
    _tell(machine, outcome)
    if outcome.stop.reason in (Reason.EXIT, Reason.POWER_OFF, Reason.RESET):
        end = f"{outcome.stop.reason.value} at {format_ticks(outcome.stop.tick)}"
        say(f"the machine ended before the point of the snapshot: {end}", PROBLEM)
        return EX_SOFTWARE
    return exit_status(outcome)


def exit_status(outcome: Outcome) -> int:
    """Return the exit status that says how a run ended."""
    if outcome.output_closed:
        return 0
    if outcome.stop.reason is Reason.INTERRUPTED:
        return 128 + (outcome.signal or signal.SIGINT)  # as a shell says it
    if outcome.stop.reason is Reason.EXIT:
        return outcome.stop.code
    return STATUS[outcome.stop.reason]


def _run(machine: Machine, options: RunOptions) -> Outcome:
    terminal = _is_terminal(options)
    max_ticks = options.max_time
    if max_ticks is None and options.until is None and not terminal:
        max_ticks = DEFAULT_MAX_TICKS
    with ExitStack() as files:
        source, output = _serial(options.serial, files)
        if options.trace is not None:
            _trace(machine, options.trace, files)
        real_time = terminal if options.pace is None else options.pace == "real"
        display = None
        if options.display.kind == "terminal":
            source = Input(None if sys.stdin is None else STDIN)
            from vectoros.display.terminal import TerminalDisplay

            display = TerminalDisplay(machine.screen, machine.keyboard, STDOUT)
        narrator = _narrator(machine, output, options.serial) if options.explain else None
        session = Session(
            machine, source, output, real_time=real_time, terminal=terminal, display=display
        )
        if narrator is not None and options.serial.kind == "stdio":
            machine.serial.on_byte(narrator.guest_sent)
        outcome = session.run(Limits(options.until, max_ticks))
        if narrator is not None:
            narrator.end()
        return outcome


def _is_terminal(options: RunOptions) -> bool:
    """Whether a person sits at the other end of the serial port, or of the display."""
    used = options.serial.kind == "stdio" or options.display.kind == "terminal"
    return used and _is_a_terminal(sys.stdin)


def _check_terminal(options: RunOptions) -> None:
    """Raise unless there is a terminal, and nothing else writes to it."""
    if not _is_a_terminal(sys.stdout):
        raise UsageError("--display terminal: standard output is no terminal")
    traced = options.trace is not None and options.trace.path is None
    if traced and _is_a_terminal(sys.stderr):
        raise UsageError("--trace needs a file, because --display takes the terminal")
    if options.explain:
        raise UsageError("--explain cannot be used while --display has the terminal")


def _is_a_terminal(stream: IO[str] | None) -> bool:
    return stream is not None and stream.isatty()


def _serial(serial: Serial, files: ExitStack) -> tuple[Input, Output]:
    if serial.path is not None:
        file = files.enter_context(open_output("--serial", serial.path))
        return Input(None), Output(file.fileno(), str(serial.path))
    if serial.kind == "null":
        return Input(None), Output(None, "null")
    source = Input(None if sys.stdin is None else STDIN)
    return source, Output(None if sys.stdout is None else STDOUT, "standard output")


def _narrator(machine: Machine, output: Output, serial: Serial) -> Narrator:
    """Explain ``machine`` on standard output, among what it prints if that goes there, too."""
    out = None if sys.stdout is None else STDOUT
    page = output if serial.kind == "stdio" else Output(out, "standard output")

    def write(line: str) -> None:
        for byte in f"{line}\n".encode():
            page.put(byte)
        page.flush(lambda: True)

    width = min(shutil.get_terminal_size().columns, WIDEST) if page.is_terminal else PLAIN_WIDTH
    colour = coloured(sys.stdout)
    narrator = Narrator(
        write, width=width, dim=lambda text: click.style(text, dim=True) if colour else text
    )
    machine.explain(narrator.tell)
    return narrator


def _trace(machine: Machine, trace: Trace, files: ExitStack) -> None:
    if trace.path is None:
        machine.trace(trace.kinds, put)
        return
    check_kinds(trace.kinds)
    file = files.enter_context(open_output("--trace", trace.path))
    lines = files.enter_context(io.TextIOWrapper(io.BufferedWriter(file)))
    machine.trace(trace.kinds, lambda line: print(line, file=lines))


def _report(machine: Machine, outcome: Outcome, wall_s: float) -> dict[str, Any]:
    """Return the machine's report and what the host knows besides."""
    pc = machine.pc
    found = machine.report(outcome.stop)
    if found["crash"] is not None:
        found["crash"]["reopen"] = reopen(machine, outcome.stop.reason)
    return {
        "version": __version__,
        "image": _file(pc.disk),
        "kernel": _file(pc.config.kernel),
        "initrd": _file(pc.config.initrd),
        "exit_code": exit_status(outcome),
        "signal": None if outcome.signal is None else signal.Signals(outcome.signal).name,
        "output_closed": outcome.output_closed,
        "wall_s": round(wall_s, 6),
        **found,
    }


def _file(file: DiskImage | HostFile | None) -> dict[str, str] | None:
    """Return where a file of the machine is, and which it is."""
    return None if file is None else {"path": str(file.path), "sha256": file.sha256}


def _tell(machine: Machine, outcome: Outcome) -> None:
    """Say on standard error how the run ended, unless that is plain from the exit status."""
    if outcome.output_closed:
        return
    if outcome.line_open:
        put("")
    reason = outcome.stop.reason
    crash = machine.crash(outcome.stop)
    if crash is not None:
        document(replace(crash, reopen=reopen(machine, reason)).text())
    elif reason is Reason.TICK:
        say(f"stopped, its time is over (--max-time): {_where(machine)}", PROBLEM)
    elif reason is Reason.INTERRUPTED:
        name = "Ctrl-C" if outcome.signal == signal.SIGINT else f"signal {outcome.signal}"
        say(f"stopped by {name}: {_where(machine)}", PROBLEM)
    elif reason is Reason.RESET:
        say(f"stopped at a reset (--no-reboot) after {format_ticks(outcome.stop.tick)}", HINT)
    elif outcome.terminal:
        code = f" with status {outcome.stop.code}" if reason is Reason.EXIT else ""
        say(f"{reason.value}{code} after {format_ticks(outcome.stop.tick)}", HINT)


def _where(machine: Machine) -> str:
    state = "halted, then" if machine.pc.board.halted else "about to do"
    repeated = repeated_fault(machine.pc)
    again = f"; it takes {repeated} again and again" if repeated else ""
    return f"{location(machine.pc)}, {state}: {instruction_at_rip(machine.pc)}{again}"
