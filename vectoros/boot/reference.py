"""The reference page of the BIOS's services, made from the table of services.

To write it: ``python -m vectoros.boot.reference docs/reference/bios.md``.
"""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path

from vectoros.boot.bios import SERVICES
from vectoros.boot.service import Service
from vectoros.boot.vbe import BPP_BITS, MODES
from vectoros.devices.docs import markdown_table

_SELECTOR = re.compile(r"(AH|AX)=[^:]*: |INT [0-9A-F]{2}h: ")
"""What a docstring begins with, and the table has in a column of its own."""

_HEAD = """\
<!-- Made by `python -m vectoros.boot.reference docs/reference/bios.md`. Do not edit. -->

# BIOS services

What a real-mode program may ask of our BIOS. How it works is in
{doc}`/explanation/boot-path`; what the registers mean in general, in Ralf Brown's
Interrupt List. A service that is not in the table does not exist: it fails where its
interrupt has a way to say so, and else changes nothing.

INT 08h counts timer ticks and calls INT 1Ch. INT 18h says that there is nothing to
boot, INT 19h boots. Every other vector returns at once. Disk 80h is the only disk.
"""


def page() -> str:
    """Return the page, as Markdown."""
    services = markdown_table(
        ("INT", "selector", "service", "what it does"),
        ((f"{row.vector:02X}h", row.selector, row.name, _does(row)) for row in SERVICES),
    )
    modes = markdown_table(
        ("VBE mode", "pixels", "bits"),
        ((f"{mode:X}h", f"{size[0]} x {size[1]}", BPP_BITS) for mode, size in MODES.items()),
    )
    return f"{_HEAD}\n{services}\n\n## Graphics modes\n\n{modes}\n"


def _does(row: Service) -> str:
    """Return the first paragraph of what the service's function says of itself."""
    text = inspect.getdoc(row.run) or ""
    return _SELECTOR.sub("", " ".join(text.split("\n\n")[0].split()))


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
