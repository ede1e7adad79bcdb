"""Build, inspect and verify disk images.

    $ vectoros image verify images/dev.img
    images/dev.img: as built: ...

An image is built from a manifest (a TOML file that names the sources), and the
same sources give the same bytes everywhere:

    $ vectoros image build images/dev.toml -o dev.img && cmp dev.img images/dev.img
    dev.img: ...

``inspect`` shows what is in an image; ``verify`` checks every byte of it against
the digests in its directory. Both exit with status 65 if it is not a good image.
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
    from vectoros.image.reader import Image


@click.group("image", help=__doc__, no_args_is_help=False)
def command() -> None:
    """Hold the subcommands."""


@command.command()
@click.argument("manifest", type=PATH)
@click.option("-o", "--output", type=PATH, metavar="FILE", required=True, help="The image.")
def build(manifest: Path, output: Path) -> None:
    """Build the image that MANIFEST describes; write it whole or not at all."""
    # Loaded here, as below: `vectoros image --help` needs no assembler.
    from vectoros.files import write_atomic
    from vectoros.image.builder import build as build_image

    check_output("--output", output)
    image = build_image(manifest)
    write_atomic(output, image)
    click.echo(f"{output}: {len(image)} bytes, SHA-256 {hashlib.sha256(image).hexdigest()}")


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
    from vectoros.image import reader

    try:
        found = reader.read(image)
        faults = reader.verify(found)
    except BadFileError as reason:
        faults = [reason.rule]
    if as_json:
        click.echo(json.dumps({"ok": not faults, "faults": faults}, indent=2))
    if faults:
        raise BadFileError(image, f"is not as it was built: {'; '.join(faults)}")
    if not as_json:
        click.echo(f"{image}: as built: {len(found.entries)} entries, {found.size} bytes")


def data(image: Image) -> dict[str, Any]:
    """Return what an image says of itself as data; addresses are text, like ``0x7c00``."""
    header = image.header
    return {
        "size": image.size,
        "partitions": [
            {"active": part.active, "type": part.type, "first": part.first, "sectors": part.sectors}
            for part in image.partitions
        ],
        "version": None if header is None else header.version,
        "entry": None if header is None else f"{header.entry:#x}",
        "entries": [
            {
                "name": entry.name,
                "kind": entry.kind.name.lower(),
                "access": str(entry.access),
                "sector": entry.lba,
                "bytes": entry.length,
                "memory": entry.memory,
                "load": f"{entry.load:#x}",
                "virtual": f"{entry.virtual:#x}",
                "sha256": entry.digest.hex(),
            }
            for entry in image.entries
        ],
    }


def text(image: Image) -> str:
    """Return what an image says of itself, for people."""
    if image.header is None:
        return f"{image.path}: {image.size} bytes, bootable, without a VectorOS directory"
    rows = [
        (
            entry.name,
            entry.kind.name.lower(),
            str(entry.access),
            str(entry.length),
            str(entry.memory),
            f"{entry.load:#x}",
            f"{entry.virtual:#x}",
        )
        for entry in image.entries
    ]
    title = f"{image.path}: {image.size} bytes; the kernel starts at {image.header.entry:#x}"
    header = ("name", "kind", "access", "bytes", "memory", "load", "virtual")
    return f"{title}\n\n{table(header, rows)}"
