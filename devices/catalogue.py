"""Which model answers in which area of the address map."""

from __future__ import annotations

import inspect

from vectoros.devices.ata import Ata, AtaControl
from vectoros.devices.bios_gate import BiosGate
from vectoros.devices.debug_console import DebugConsole
from vectoros.devices.device import Device
from vectoros.devices.elcr import Elcr
from vectoros.devices.exit import Exit
from vectoros.devices.i8042 import I8042
from vectoros.devices.i8042_control import I8042Control
from vectoros.devices.kernel_gate import KernelGate
from vectoros.devices.pic import Pic
from vectoros.devices.pit import Pit
from vectoros.devices.pm_timer import PmTimer
from vectoros.devices.port61 import Port61
from vectoros.devices.power import Power
from vectoros.devices.power_events import PowerEvents
from vectoros.devices.reset_control import ResetControl
from vectoros.devices.rtc import Rtc
from vectoros.devices.system_control import SystemControlA
from vectoros.devices.uart import Uart
from vectoros.devices.vbe import Vbe
from vectoros.devices.vga import Vga
from vectoros.layout import IRQS, MEMORY, PORTS, Area

MODELS: dict[str, type[Device]] = {
    "pic1": Pic,
    "pit": Pit,
    "keyboard": I8042,
    "port61": Port61,
    "keyboard_control": I8042Control,
    "rtc": Rtc,
    "system_control": SystemControlA,
    "pic2": Pic,
    "bios_gate": BiosGate,
    "debug_console": DebugConsole,
    "exit": Exit,
    "vbe": Vbe,
    "ata": Ata,
    "vga": Vga,
    "com1": Uart,
    "ata_control": AtaControl,
    "elcr": Elcr,
    "power_events": PowerEvents,
    "power": Power,
    "pm_timer": PmTimer,
    "reset_control": ResetControl,
    "kernel_gate": KernelGate,
}
"""Name of an area of the address map -> the model behind it."""


def areas(model: type[Device]) -> list[Area]:
    """Return the areas where ``model`` answers, in the order of the address map."""
    return [area for area in (*PORTS, *MEMORY) if MODELS.get(area.name) is model]


def irq(area: Area) -> int | None:
    """Return the interrupt that the device at ``area`` drives, or None."""
    return IRQS.get(area.name)


def manual(model: type[Device]) -> str:
    """Return the docstring of the model's module and class, as plain paragraphs."""
    module = inspect.getmodule(model)
    return "\n\n".join(inspect.cleandoc(part.__doc__ or "") for part in (module, model))
