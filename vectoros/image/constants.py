"""Every number that the guest's sources may use by name.

A number is written once, in Python, where it belongs; assembly gets it from here.
"""

from __future__ import annotations

from vectoros import machine_info
from vectoros.devices import bios_gate
from vectoros.devices.kernel_gate import SIGNATURE, KernelGate
from vectoros.image import format as fmt
from vectoros.image.manifest import Manifest
from vectoros.kernel import abi
from vectoros.kernel.endpoint import Endpoint
from vectoros.kernel.frame import TrapFrame
from vectoros.kernel.notification import Notification
from vectoros.kernel.objects import SLOT_BITS
from vectoros.kernel.reply import Reply
from vectoros.kernel.root import PROCESSOR
from vectoros.kernel.sched_context import SchedContext
from vectoros.kernel.scheduler import BITMAP, Processor
from vectoros.kernel.slot import Slot
from vectoros.kernel.tcb import CSPACE, POLICY, VSPACE, Tcb
from vectoros.kernel.views import constants as offsets
from vectoros.layout import BOOT_SECTOR, IRQS, MEMORY, PORTS

_OBJECTS = {
    **{
        f"TCB_{name.upper()}": field.offset
        for name, field in Tcb.fields.items()
        if name not in TrapFrame.fields
    },
    "TCB_CSPACE": CSPACE,
    "TCB_VSPACE": VSPACE,
    "TCB_POLICY": POLICY,
    **offsets("SLOT", Slot),
    "SLOT_SHIFT": SLOT_BITS,
    **offsets("ENDPOINT", Endpoint),
    **offsets("NOTIFICATION", Notification),
    **offsets("REPLY", Reply),
    **offsets("SCHED_CONTEXT", SchedContext),
    **offsets("PROCESSOR", Processor),
    "PROCESSOR_BITMAP": BITMAP,
    "ROOT_PROCESSOR": PROCESSOR,
}
"""Where the stubs find what they need of kernel objects (kernel/stubs/fastpath.S)."""


def constants(manifest: Manifest) -> dict[str, int]:
    """Return every number that the guest's sources may use by name."""
    return {
        **{f"PORT_{area.name.upper()}": area.base for area in PORTS},
        **{f"IRQ_{name.upper()}": line for name, line in IRQS.items()},
        **fmt.constants(),
        **abi.constants(),
        **_OBJECTS,
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
