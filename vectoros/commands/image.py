"""Build, inspect and verify disk images.

    $ vectoros image verify images/dev.img
    images/dev.img: as built: ...

An image is built from a manifest (a TOML file that names the sources), and the
same sources give the same bytes everywhere:

    $ vectoros image build images/dev.toml -o dev.img && cmp dev.img images/dev.img
    dev.img: ...

``inspect`` shows everything that is in an image, down to the segments of each
program; ``verify`` checks every byte of it against the digests in its directory,
and every program against the rules for programs. Both exit with status 65 if it is
not a good image.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vectoros.commands._options import PATH, check_output, json_option
from vectoros.errors import BadFileError
from vectoros.messages import table

if TYPE_CHECKING:
    from vectoros.image.format import Entry
    from vectoros.image.reader import Image


@click.group("image", help=__doc__, no_args_is_help=False)
def command() -> None:
    """Hold the subcommands."""


@command.command()
@click.argument("manifest", type=PATH)
@click.option("-o", "--output", type=PATH, metavar="FILE", required=True, help="The image.")
@click.option(
    "--map", "map_file", type=PATH, metavar="FILE",
    help="Write a symbol map, too; `boot --explain` reads the one beside the image.",
)  # fmt: skip
def build(manifest: Path, output: Path, map_file: Path | None) -> None:
    """Build the image that MANIFEST describes; write it whole or not at all."""
    # Loaded here, as below: `vectoros image --help` needs no assembler.
    from vectoros.files import write_atomic
    from vectoros.image.builder import build as build_image

    check_output("--output", output)
    if map_file is not None:
        check_output("--map", map_file)
    image = build_image(manifest)
    if map_file is not None:
        from vectoros.boot.symbols import symbols

        write_atomic(map_file, symbols(manifest).text().encode())
    write_atomic(output, image)
    click.echo(f"{output}: {len(image)} bytes, SHA-256 {hashlib.sha256(image).hexdigest()}")


@command.command()
@click.option("-o", "--output", type=PATH, metavar="FILE", required=True, help="The ROM.")
def bios(output: Path) -> None:
    """Build the BIOS's ROM from its sources; firmware/bios.bin is the committed copy."""
    from vectoros.boot.rom import build as build_rom
    from vectoros.files import write_atomic

    check_output("--output", output)
    rom = build_rom()
    write_atomic(output, rom)
    click.echo(f"{output}: {len(rom)} bytes, SHA-256 {hashlib.sha256(rom).hexdigest()}")


@command.command()
@click.option("-o", "--output", type=PATH, metavar="FILE", required=True, help="The archive.")
@click.option(
    "--busybox", type=PATH, metavar="FILE", default=Path("/bin/busybox"), show_default=True,
    help="That program, statically linked (Debian package busybox-static).",
)  # fmt: skip
def initramfs(output: Path, busybox: Path) -> None:
    """Build an initramfs that leads from a Linux kernel to a shell on its console."""
    from vectoros.files import read_bytes, write_atomic
    from vectoros.image.initramfs import busybox_initramfs

    check_output("--output", output)
    archive = busybox_initramfs(read_bytes(busybox))
    write_atomic(output, archive)
    click.echo(f"{output}: {len(archive)} bytes, SHA-256 {hashlib.sha256(archive).hexdigest()}")


@command.command()
@click.argument("image", type=PATH)
@json_option
def inspect(image: Path, as_json: bool) -> None:
    """Show what is in IMAGE, once every number in its directory is checked."""
    from vectoros.image.reader import read

    found = read(image)
    if as_json:
        click.echo(json.dumps(data(found), indent=2))
    else:
        click.echo(text(found))


@command.command()
@click.argument("image", type=PATH)
@json_option
def verify(image: Path, as_json: bool) -> None:
    """Check every byte of IMAGE against the digests in its directory."""
    from vectoros.image.reader import read
    from vectoros.image.verifier import verify as faults_of

    try:
        found = read(image)
        faults = faults_of(found)
    except BadFileError as reason:
        faults = [reason.rule]
    if as_json:
        click.echo(json.dumps({"ok": not faults, "faults": faults}, indent=2))
    if faults:
        raise BadFileError(image, f"is not as it was built: {'; '.join(faults)}")
    if not as_json:
        click.echo(f"{image}: as built: {len(found.entries)} entries, {found.size} bytes")


def data(image: Image) -> dict[str, Any]:
    """Return what an image holds as data; addresses are text, like ``0x7c00``."""
    header = image.header
    return {
        "size": image.size,
        "boot_sector": {"sha256": hashlib.sha256(image.boot_sector).hexdigest()},
        "partitions": [
            {"active": part.active, "type": part.type, "first": part.first, "sectors": part.sectors}
            for part in image.partitions
        ],
        "version": None if header is None else header.version,
        "entry": None if header is None else f"{header.entry:#x}",
        "entries": [entry_data(image, entry) for entry in image.entries],
    }


def entry_data(image: Image, entry: Entry) -> dict[str, Any]:
    """Return what ``entry`` of ``image`` says of itself; ``program`` if it is one."""
    from vectoros.image.format import grant_words

    return {
        "name": entry.name,
        "kind": entry.kind.name.lower(),
        "access": str(entry.access),
        "sector": entry.lba,
        "bytes": entry.length,
        "memory": entry.memory,
        "load": f"{entry.load:#x}",
        "virtual": f"{entry.virtual:#x}",
        "priority": entry.priority,
        "grants": grant_words(entry.grants),
        "sha256": entry.digest.hex(),
        "program": program_data(image, entry),
    }


def program_data(image: Image, entry: Entry) -> dict[str, Any] | None:
    """Return where the program in ``entry`` starts, and its segments; None if it is none."""
    from vectoros.image.format import Kind
    from vectoros.image.modules import program

    if entry.kind is not Kind.PROGRAM:
        return None
    found = program(image, entry)
    return {
        "entry": f"{found.entry:#x}",
        "segments": [
            {
                "access": str(segment.plan.flags),
                "virtual": f"{segment.plan.address:#x}",
                "offset": segment.plan.offset,
                "bytes": segment.plan.file_size,
                "memory": segment.plan.memory_size,
                "sha256": segment.digest.hex(),
            }
            for segment in found.segments
        ],
    }


def text(image: Image) -> str:
    """Return what an image holds, for people."""
    found = data(image)
    title = f"{image.path}: {image.size} bytes"
    if image.header is None:
        title += ", bootable, without a VectorOS directory"
    else:
        title += f"; the kernel starts at {found['entry']}"
    disk = [f"boot sector: SHA-256 {found['boot_sector']['sha256']}", *partition_lines(image)]
    tables = [entry_table(found["entries"]), *map(segment_table, found["entries"])]
    return "\n\n".join([title, "\n".join(disk), *filter(None, tables)])


def partition_lines(image: Image) -> list[str]:
    """Return a line for each row of the partition table that is in use."""
    return [
        f"partition {number}: {'active, ' if part.active else ''}type {part.type:#04x},"
        f" sectors {part.first}..{part.first + part.sectors - 1}"
        for number, part in enumerate(image.partitions, 1)
    ]


def entry_table(entries: list[dict[str, Any]]) -> str:
    """Return a row for each entry; a module has no address of its own."""
    columns = (
        "name", "kind", "access", "bytes", "memory", "load", "virtual", "priority", "grants",
        "sha256",
    )  # fmt: skip
    rows = []
    for entry in entries:
        shown = {**entry, "grants": " ".join(entry["grants"]) or "-"}
        if entry["kind"] in ("program", "data"):
            shown |= dict.fromkeys(("access", "load", "virtual"), "-")
        if entry["kind"] != "program":
            shown |= dict.fromkeys(("priority", "grants"), "-")
        rows.append([str(shown[column]) for column in columns])
    return table(columns, rows) if rows else ""


def segment_table(entry: dict[str, Any]) -> str:
    """Return a row for each segment of the program in ``entry``; nothing if it is none."""
    program = entry["program"]
    if program is None:
        return ""
    columns = ("access", "virtual", "offset", "bytes", "memory", "sha256")
    rows = [[str(segment[column]) for column in columns] for segment in program["segments"]]
    title = f"program {entry['name']} starts at {program['entry']}"
    return f"{title}\n{table(columns, rows)}"
