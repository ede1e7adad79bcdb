"""Every number that the guest's sources may use by name.

A number is written once, in Python, where it belongs; assembly gets it from here.
"""

from __future__ import annotations

from vectoros import machine_info
from vectoros.devices import bios_gate
from vectoros.devices.kernel_gate import SIGNATURE, KernelGate
from vectoros.image import format as fmt
from vectoros.image import kernel_constants
from vectoros.image.manifest import Manifest
from vectoros.layout import BOOT_SECTOR, IRQS, MEMORY, PORTS


def constants(manifest: Manifest) -> dict[str, int]:
    """Return every number that the guest's sources may use by name."""
    return {
        **{f"PORT_{area.name.upper()}": area.base for area in PORTS},
        **{f"IRQ_{name.upper()}": line for name, line in IRQS.items()},
        **fmt.constants(),
        **kernel_constants.constants(),
        **kernel_constants.objects(),
        **{f"{plan.name.upper()}_LOAD": plan.load for plan in manifest.programs if plan.load},
        **{f"{plan.name.upper()}_VIRTUAL": plan.virtual for plan in manifest.programs},
        **machine_info.constants(),
        **{f"MEMORY_{area.name.upper()}": area.base for area in MEMORY},
        **{
            f"KERNEL_GATE_{name.upper()}": register.offset
            for name, register in KernelGate.registers.items()
        },
        "KERNEL_GATE_VALUE": int.from_bytes(SIGNATURE, "little"),
        "BIOS_GATE_VALUE": bios_gate.SIGNATURE,
        "BOOT_SECTOR": BOOT_SECTOR,
    }
