"""Sphinx configuration, and the tables that pages take from the code.

A fact is written once: a page that shows the address map has ``{{ ports }}`` in
it, and the rows come from ``vectoros.layout`` of the installed package at build
time. ``sphinx-build -W docs OUT`` builds everything.
"""

from __future__ import annotations

import vectoros
from vectoros import layout
from vectoros.devices.docs import markdown_table

project = "VectorOS"
author = "The VectorOS maintainers"
copyright = "The VectorOS maintainers; GPL-2.0-or-later"
release = version = vectoros.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
myst_enable_extensions = ["colon_fence", "deflist", "substitution"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = f"VectorOS {release}"


def area_row(area: layout.Area) -> tuple[str, ...]:
    """Return the cells of one area of the address map."""
    return (f"`{area.base:#x}`", f"`{area.last:#x}`", f"`{area.name}`", area.doc)


def irq_row(name: str, number: int) -> tuple[str, ...]:
    """Return the cells of one interrupt input."""
    controller, pin = ("master", number) if number < 8 else ("slave", number - 8)
    return (str(number), controller, f"IR{pin}", f"`{name}`")


AREA_HEADER = ("first", "last", "name", "what answers there")
IRQ_HEADER = ("IRQ", "controller", "input", "driven by")

myst_substitutions = {
    "ports": markdown_table(
        AREA_HEADER, map(area_row, sorted(layout.PORTS, key=lambda area: area.base))
    ),
    "memory": markdown_table(AREA_HEADER, map(area_row, layout.MEMORY)),
    "machine_info": f"`{layout.MACHINE_INFO:#x}`",
    "handover": f"`{layout.HANDOVER.base:#x}` to `{layout.HANDOVER.last:#x}`",
    "irqs": markdown_table(IRQ_HEADER, (irq_row(*item) for item in layout.IRQS.items())),
    "acpi_tables": f"`{layout.ACPI_TABLES.base:#x}`",
    "boot_sector": f"`{layout.BOOT_SECTOR:#x}`",
    "low_memory_end": f"`{layout.LOW_MEMORY_END:#x}`",
    "minimum_ram": f"{layout.MINIMUM_RAM >> 20} MiB",
    "maximum_ram": f"{layout.MAXIMUM_RAM >> 20} MiB",
    "text_memory": f"`{layout.TEXT_MEMORY:#x}`",
    "vga_graphics_memory": f"`{layout.VGA_GRAPHICS_MEMORY:#x}`",
    "framebuffer": f"`{layout.FRAMEBUFFER:#x}`",
    "framebuffer_size": f"{layout.FRAMEBUFFER_SIZE >> 20} MiB",
    "inta_page": f"`{layout.INTA_PAGE:#x}`",
    "physical_bits": str(layout.PHYSICAL_ADDRESS_BITS),
}
