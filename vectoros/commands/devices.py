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
from typing import Any

import click

from vectoros.commands._options import json_option
from vectoros.devices.catalogue import MODELS, irq
from vectoros.devices.fields import Fields
from vectoros.devices.registers import Register
from vectoros.errors import UsageError
from vectoros.layout import MEMORY, PORTS, Area, memory_area, port_area
from vectoros.messages import table


def device_data() -> list[dict[str, Any]]:
    """Return the devices, by port and then by physical address, as data."""
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
        for area in [*sorted(PORTS, key=lambda area: area.base), *MEMORY]
        if area.name in MODELS
    ]


def register_data(name: str) -> list[dict[str, Any]]:
    """Return the registers of the device called ``name``, by port, as data."""
    found = sorted(MODELS[name].registers.values(), key=lambda reg: reg.offset)
    return [_register(reg, _area(name).base) for reg in found]


def _area(name: str) -> Area:
    return memory_area(name) or port_area(name)


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


def device_list() -> str:
    """Return the list of devices, for people."""
    rows = []
    for device in device_data():
        base, size = device["base"], device["size"]
        ports = f"{base:#x}" + (f"..{base + size - 1:#x}" if size > 1 else "")
        line = "-" if device["irq"] is None else str(device["irq"])
        rows.append((device["name"], ports, line, device["model"], device["doc"]))
    return table(("device", "ports", "irq", "model", "what it is"), rows)


def register_map(name: str) -> str:
    """Return the registers of the device called ``name``, for people."""
    rows = register_data(name)
    header = ["port", "register", "bits", "access", "when", "reset", "meaning"]
    lines = []
    for row in rows:
        reset = "-" if row["reset"] is None else f"{row['reset']:#0{row['bits'] // 4 + 2}x}"
        cells = [f"{row['port']:#x}", row["name"], str(row["bits"]), row["access"]]
        lines.append([*cells, row["when"] or "-", reset, row["doc"]])
    if not any(row["when"] for row in rows):
        header, *lines = ([*cells[:4], *cells[5:]] for cells in (header, *lines))
    area = _area(name)
    title = f"{name}: {MODELS[name].__name__} at {area.base:#x}"
    title += f"..{area.last:#x}" if area.size > 1 else ""
    fields = [_field_table(row) for row in rows if row["fields"]]
    return "\n\n".join([f"{title}\n{table(header, lines)}", *fields])


def _field_table(row: dict[str, Any]) -> str:
    """Return the fields of one register, for people."""
    lines = []
    for field in row["fields"]:
        bits = str(field["low"])
        if field["high"] > field["low"]:
            bits = f"{field['high']}:{bits}"
        lines.append((f"  {bits}", field["name"], field["doc"]))
        lines += [("", "", f"  {value}: {text}") for value, text in field["values"].items()]
    return f"{row['name']}\n{table(('', '', ''), lines)}"


@click.command("devices", help=__doc__)
@click.argument("name", required=False)
@json_option
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
