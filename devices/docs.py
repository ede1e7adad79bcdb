"""Make a page of documentation of each device, from what its registers declare.

    $ python -m vectoros.devices.docs docs/devices

writes the pages. They are committed, and a test compares them with the code.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from vectoros.devices.catalogue import MODELS, areas, irq, manual
from vectoros.devices.device import Device
from vectoros.devices.fields import Fields
from vectoros.devices.registers import Register
from vectoros.layout import MEMORY

GENERATED = "<!-- Made by `python -m vectoros.devices.docs docs/devices`. Do not edit. -->"


def markdown_table(header: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Return a table in Markdown."""
    head = list(header)
    lines = [head, ["---"] * len(head), *([str(cell) for cell in row] for row in rows)]
    return "\n".join(
        "| " + " | ".join(c.replace("|", "\\|") for c in line) + " |" for line in lines
    )


def register_rows(model: type[Device]) -> Iterator[tuple[str, ...]]:
    """Yield the cells of each register of ``model``, the lowest offset first."""
    for reg in sorted(model.registers.values(), key=lambda reg: reg.offset):
        yield (
            f"{reg.offset:02X}h",
            f"`{reg.name.upper()}`",
            str(8 * reg.width),
            reg.access.value,
            reg.bank or "",
            "" if reg.reset is None else f"{reg.reset:0{2 * reg.width}X}h",
            reg.doc,
        )


def field_rows(kind: type[Fields]) -> Iterator[tuple[str, ...]]:
    """Yield the cells of each field, the highest bits first."""
    for field in sorted(kind.fields.values(), key=lambda field: -field.low):
        values = "<br>".join(f"{value}: {text}" for value, text in field.values.items())
        yield str(field), f"`{field.name}`", field.doc, values


def register_section(reg: Register[Any]) -> str:
    """Return the part of a page about one register with fields."""
    rows: list[tuple[str, ...]] = list(field_rows(reg.kind))
    header: tuple[str, ...] = ("bits", "field", "meaning", "values")
    if not any(row[-1] for row in rows):
        header, rows = header[:-1], [row[:-1] for row in rows]
    return f"### {reg.name.upper()}\n\n{markdown_table(header, rows)}"


def where(model: type[Device]) -> str:
    """Return a table of the places where ``model`` answers."""
    rows = []
    kind = "ports"
    for area in areas(model):
        line = irq(area)
        kind = "addresses" if area in MEMORY else kind
        ports = f"{area.base:#x} to {area.last:#x}" if area.size > 1 else f"{area.base:#x}"
        rows.append((f"`{area.name}`", ports, "" if line is None else str(line), area.doc))
    return markdown_table(("device", kind, "IRQ", "what it is"), rows)


def page(model: type[Device]) -> str:
    """Return the page of one model."""
    table = markdown_table(
        ("offset", "register", "bits", "access", "when", "reset", "meaning"), register_rows(model)
    )
    detailed = [reg for reg in model.registers.values() if issubclass(reg.kind, Fields)]
    hidden = [
        (f"`{cell.name}`", cell.doc)
        for cell in model.cells.values()
        if not isinstance(cell, Register)
    ]
    parts = [
        GENERATED,
        f"# {model.__name__}",
        manual(model),
        f"Source: {model.source}.",
        where(model),
    ]
    parts += ["## Registers", table, *map(register_section, detailed)]
    if hidden:
        parts += [
            "## State that no register shows",
            "A snapshot and the state hash contain it besides the registers that hold a value.",
            markdown_table(("name", "meaning"), hidden),
        ]
    return "\n\n".join(parts) + "\n"


def pages() -> dict[str, str]:
    """Return every page by its file name."""
    return {f"{model.name}.md": page(model) for model in dict.fromkeys(MODELS.values())}


def write_pages(folder: Path) -> None:
    """Write every page into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write_pages(Path(sys.argv[1]))
