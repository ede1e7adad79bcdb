r"""Save a whole machine to a file, look at the file, go on from it.

    $ vectoros snapshot save images/dev.img -o ready.vxs --until 'vectoros> '
    ready.vxs: tick ...

    $ printf 'exit 7\n' | vectoros snapshot restore ready.vxs; echo $?
    exit 7
    7

The machine goes on as if it had never stopped: on the other engine, in another
process, on another day. A snapshot does not hold the disk image. It remembers
where the image was and its SHA-256; ``--disk`` tells where it is now, and an image
with other contents is refused. So it is with a kernel file and its initrd.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vectoros.commands._options import (
    PATH,
    RunOptions,
    append_option,
    check_output,
    duration,
    engine_option,
    firmware_option,
    json_option,
    kernel_options,
    make_machine,
    memory_option,
    moment,
    reading,
    reboot_option,
    rtc_option,
    run_options,
    until_option,
)
from vectoros.errors import UsageError
from vectoros.messages import table
from vectoros.units import MIB, format_ticks

if TYPE_CHECKING:
    from vectoros.snapshot import Snapshot


@click.group("snapshot", help=__doc__, no_args_is_help=False)
def command() -> None:
    """Hold the subcommands."""


@command.command()
@click.argument("image", type=PATH, required=False)
@click.option("-o", "--output", type=PATH, metavar="FILE", required=True, help="The snapshot.")
@kernel_options
@memory_option
@engine_option
@append_option
@rtc_option
@firmware_option
@until_option
@click.option(
    "--at",
    metavar="TICK|TIME",
    callback=reading(moment),
    help="Stop at this tick, or at this virtual time since power-on, such as 10ms.",
)
@click.option(
    "--max-time", metavar="TIME", default="60s", show_default=True, callback=reading(duration),
    help="Give up after this much virtual time.",
)  # fmt: skip
def save(
    image: Path | None,
    output: Path,
    until: str | None,
    at: int | None,
    max_time: int,
    **options: Any,  # noqa: ANN401
) -> int:
    """Boot IMAGE or --kernel, run it to a point, and save the machine. Its output is not shown.

    The point is where --until matches, or --at. If the machine ends before, nothing
    is written, and the exit status is 124 if --max-time was over, else 70.
    """
    # Loaded here, as below: `vectoros snapshot --help` needs no emulator.
    from vectoros.commands._run import run_to_point

    if (until is None) == (at is None):
        raise UsageError("the point of a snapshot is given by --until or by --at, one of them")
    check_output("--output", output)
    with make_machine(image, options) as machine:
        status = run_to_point(machine, until, max_time if at is None else at)
        if status == 0:
            size = machine.save(output)
            click.echo(
                f"{output}: tick {machine.clock.now} ({format_ticks(machine.clock.now)}), "
                f"{size} bytes, state {machine.state_hash()}"
            )
        return status


@command.command()
@click.argument("file", type=PATH)
@json_option
def info(file: Path, as_json: bool) -> None:
    """Show what is in a snapshot FILE."""
    from vectoros import snapshot_file

    found = data(snapshot_file.load(file))
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    files: list[tuple[str, str]] = []
    for name in ("disk", "kernel", "initrd"):
        place = found[name]
        if place is not None:
            files += [(name, place["path"]), (f"{name}'s SHA-256", place["sha256"])]
        elif name == "disk":
            files.append((name, "none"))
    rows = [
        ("tick", f"{found['tick']} ({format_ticks(found['tick'])})"),
        ("memory", f"{found['memory'] // MIB} MiB, {found['pages']} pages in use"),
        *files,
        ("devices", ", ".join(found["devices"])),
        ("rip", found["rip"]),
        ("milestones", str(len(found["milestones"]))),
        ("last line", found["serial"].rstrip().rpartition("\n")[2]),
    ]
    click.echo(table(("", ""), rows))


@command.command()
@click.argument("file", type=PATH)
@click.option("--disk", type=PATH, metavar="IMAGE", help="Where the disk image is now.")
@click.option("--kernel", type=PATH, metavar="FILE", help="Where the kernel file is now.")
@click.option("--initrd", type=PATH, metavar="FILE", help="Where the initrd is now.")
@engine_option
@reboot_option
@run_options
def restore(
    file: Path,
    disk: Path | None,
    kernel: Path | None,
    initrd: Path | None,
    engine: str,
    reboot: bool,
    **options: object,
) -> int:
    """Go on from a snapshot FILE, as `vectoros boot` would. Exit statuses are the same.

    --until looks at what the machine sends from now on, and --max-time counts from now.
    """
    from vectoros.api import Machine
    from vectoros.commands._run import run

    files = {"disk": disk, "kernel": kernel, "initrd": initrd}
    return run(
        lambda: Machine.from_snapshot(file, **files, engine=engine, reboot=reboot),
        RunOptions.of(options),
    )


def data(saved: Snapshot) -> dict[str, Any]:
    """Return what is in a snapshot that came from a file, as data."""
    places = {name: saved.history[name] for name in ("disk", "kernel", "initrd")}
    files = {
        name: None if place is None else {"path": place[0], "sha256": place[1]}
        for name, place in places.items()
    }
    return {
        "tick": saved.tick,
        "memory": saved.fingerprint["memory"],
        "pages": len(saved.ram.contents()),
        "devices": list(saved.state["devices"]),
        **files,
        "rip": f"{saved.state['cpu']['rip']:#x}",
        "serial": saved.history["serial"].decode("utf-8", errors="replace"),
        "milestones": [
            {"tick": tick, "milestone": text} for tick, text in saved.history["milestones"]
        ],
    }
