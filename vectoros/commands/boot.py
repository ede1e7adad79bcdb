r"""Boot a disk image or a kernel file: the serial port is standard input and output.

    $ vectoros boot images/dev.img --until 'vectoros> '
    [boot] BIOS: vectors, data areas, controllers and timer ready
    [boot] boot sector: read from disk 80h to 0000:7c00
    [boot] real mode: boot sector at 0000:7c00
    [boot] stage 2: read from disk
    [boot] memory map: by INT 15h, E820h
    [boot] loaded: kernel and modules, by INT 13h
    [boot] protected mode: 32 bits, flat segments
    [boot] long mode: 64 bits, kernel at -2 GiB
    [boot] paging: 4 levels, every page W^X
    [boot] interrupts: IDT, PIC and PIT, all quiet
    [boot] kernel gate: the kernel is there
    [boot] ring 3: starting the first processes
    VectorOS ready. Type help for the commands.
    vectoros>

In a terminal, keys go to the guest as they are pressed. Ctrl-C stops the machine;
Ctrl-A h lists what else Ctrl-A can do. Input from a pipe or a file is typed into
the serial port, and its end does not end the run:

    $ printf 'exit 7\n' | vectoros boot images/dev.img >/dev/null; echo $?
    7

All times are virtual: a slow computer takes longer, and cannot make a run fail.

With --display terminal the screen is shown instead, in true color, and keys are
strokes on the PC's own keyboard; Ctrl-] or Ctrl-C leaves. The serial port is then
hidden, or goes to a file. With --display png:FILE the screen is written as a
picture when the run ends. Neither changes what the guest does.

With --kernel no disk is booted: a Linux kernel starts at its 64-bit entry point, with
an initrd and a command line, and an ELF64 executable of one's own in 64-bit mode
(docs/reference/kernel-files.md). An IMAGE is then only a disk.

A guest that has crashed leaves a report: what went wrong, a backtrace, and how to come
there again. --symbols gives it names, --branches the way that code took. A Linux kernel
that has panicked does not go on, nor boot again.

A guest that resets the machine boots it again: RAM and the clock go on, all else is
as at power-on. With --no-reboot the run ends there.

    exit status  why the run ended
    0            the guest powered off, --until matched, a reset with --no-reboot, or
                 nobody read on (| head)
    the guest's  the guest wrote a byte to the exit device
    2            an option or argument is wrong
    65           the image, or another file, is not what it should be
    70           triple fault, idle for ever, or a panic of Linux; a report is on
                 standard error
    124          --max-time was over
    130          Ctrl-C; 128 + n for another signal n
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from vectoros.commands._options import (
    PATH,
    RunOptions,
    append_option,
    engine_option,
    firmware_option,
    kernel_options,
    make_machine,
    memory_option,
    reboot_option,
    rtc_option,
    run_options,
)

MACHINE_OPTIONS = (
    "kernel", "initrd", "memory", "engine", "append", "rtc", "reboot", "firmware"
)  # fmt: skip
"""Options that say what to build; the others say how to run it."""


@click.command("boot", help=__doc__)
@click.argument("image", type=PATH, required=False)
@kernel_options
@memory_option
@engine_option
@append_option
@rtc_option
@reboot_option
@firmware_option
@run_options
def command(image: Path | None, **options: Any) -> int:  # noqa: ANN401
    """Boot ``image``; return the status that says how it went."""
    # Loaded here: `vectoros boot --help` needs no emulator.
    from vectoros.commands._run import run

    machine = {name: options[name] for name in MACHINE_OPTIONS}
    return run(lambda: make_machine(image, machine), RunOptions.of(options))
