"""Show which devices the machine has, or one device's registers.

    $ vectoros devices exit
    exit: Exit at 0xf4..0xf7
    port  register  bits  access  reset  meaning
    0xf4  CODE      8     w       -      stop the machine with this exit status

Without a name it lists the devices, by port. Nothing is read from a running
machine: what is shown is what the devices declare.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import click

from vectoros.devices.catalogue import MODELS, irq
from vectoros.devices.fields import Fields
from vectoros.devices.registers import Register
from vectoros.errors import UsageError
from vectoros.layout import PORTS, port_area


def device_data() -> list[dict[str, Any]]:
    """Return the devices, by port, as data."""
    return [
        {
            "name": area.name,
            "model": MODELS[area.name].__name__,
            "base": area.base,
            "size": area.size,
            "irq": irq(area),
            "doc": area.doc,
            "source": MODELS[area.name].source,
        }
        for area in sorted(PORTS, key=lambda area: area.base)
        if area.name in MODELS
    ]


def register_data(name: str) -> list[dict[str, Any]]:
    """Return the registers of the device called ``name``, by port, as data."""
    found = sorted(MODELS[name].registers.values(), key=lambda reg: reg.offset)
    return [_register(reg, port_area(name).base) for reg in found]


def _register(reg: Register[Any], base: int) -> dict[str, Any]:
    return {
        "name": reg.name.upper(),
        "port": base + reg.offset,
        "bits": 8 * reg.width,
        "access": reg.access.value,
        "when": reg.bank,
        "reset": reg.reset,
        "doc": reg.doc,
        "fields": _fields(reg.kind) if issubclass(reg.kind, Fields) else [],
    }


def _fields(kind: type[Fields]) -> list[dict[str, Any]]:
    return [
        {
            "name": field.name,
            "high": field.high,
            "low": field.low,
            "doc": field.doc,
            "values": {str(value): text for value, text in field.values.items()},
        }
        for field in sorted(kind.fields.values(), key=lambda field: -field.low)
    ]


def columns(rows: Iterable[Sequence[str]]) -> str:
    """Return ``rows`` as text in columns, two spaces apart.

    >>> print(columns([("a", "b"), ("long", "c")]))
    a     b
    long  c
    """
    table = list(rows)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in table)
    return "\n".join(lines)


def device_list() -> str:
    """Return the list of devices, for people."""
    rows = [("device", "ports", "irq", "model", "what it is")]
    for device in device_data():
        base, size = device["base"], device["size"]
        ports = f"{base:#x}" + (f"..{base + size - 1:#x}" if size > 1 else "")
        line = "-" if device["irq"] is None else str(device["irq"])
        rows.append((device["name"], ports, line, device["model"], device["doc"]))
    return columns(rows)


def register_map(name: str) -> str:
    """Return the registers of the device called ``name``, for people."""
    rows = register_data(name)
    banked = any(row["when"] for row in rows)
    header = ["port", "register", "bits", "access", "when", "reset", "meaning"]
    table = [header]
    for row in rows:
        digits = row["bits"] // 4
        reset = "-" if row["reset"] is None else f"{row['reset']:#0{digits + 2}x}"
        cells = [f"{row['port']:#x}", row["name"], str(row["bits"]), row["access"]]
        table.append([*cells, row["when"] or "-", reset, row["doc"]])
    if not banked:
        table = [[*cells[:4], *cells[5:]] for cells in table]
    title = f"{name}: {MODELS[name].__name__} at {port_area(name).base:#x}"
    last = port_area(name).last
    title += f"..{last:#x}" if last > port_area(name).base else ""
    fields = [_field_lines(row) for row in rows if row["fields"]]
    return "\n\n".join([f"{title}\n{columns(table)}", *fields])


def _field_lines(row: dict[str, Any]) -> str:
    """Return the fields of one register, for people."""
    lines = []
    for field in row["fields"]:
        bits = f"{field['high']}:{field['low']}" if field["high"] > field["low"] else field["low"]
        lines.append(("  " + str(bits), field["name"], field["doc"]))
        lines += [("", "", f"  {value}: {text}") for value, text in field["values"].items()]
    return f"{row['name']}\n{columns(lines)}"


MANUAL = (__doc__ or "").replace("    $ ", "\b\n    $ ")
"""The docstring; click's mark keeps the lines of the example apart."""


@click.command("devices", help=MANUAL)
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print data for programs.")
def command(name: str | None, as_json: bool) -> None:
    """Print the list of devices, or the register map of one."""
    if name is not None and name not in MODELS:
        known = ", ".join(device["name"] for device in device_data())
        raise UsageError(f"there is no device {name!r}; there are {known}")
    if as_json:
        rows = {"devices": device_data()} if name is None else {"registers": register_data(name)}
        click.echo(json.dumps(rows, indent=2))
    else:
        click.echo(device_list() if name is None else register_map(name))
