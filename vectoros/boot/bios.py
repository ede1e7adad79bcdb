"""The BIOS: its ROM, and the services behind its gate.

The ROM (firmware/bios.bin) holds what must be code: the start, the interrupt
handlers, and a stub a service. What is policy or tables is Python, in the modules
that :data:`SERVICES` collects. A service changes the frame that it is given and
guest RAM; devices it reaches by asking the stub for real IN and OUT instructions.

Two promises. A service keeps nothing: all that it must remember is in guest RAM or
on the disk, so a snapshot misses nothing. And no guest can make one fail: every
address, number and frame is good enough to be answered.
"""

from __future__ import annotations

import functools
from pathlib import Path

from vectoros import firmware
from vectoros.boot import (
    acpi,
    disk_service,
    keyboard_service,
    system_service,
    time_service,
    vbe,
    video,
)
from vectoros.boot.frame import Frame
from vectoros.boot.service import Host, Service
from vectoros.layout import BIOS_ROM, BIOS_SHADOW
from vectoros.memory import Rom
from vectoros.pc import Pc
from vectoros.units import PhysAddr

SERVICES: tuple[Service, ...] = (
    *video.SERVICES,
    *vbe.SERVICES,
    *disk_service.SERVICES,
    *system_service.SERVICES,
    *keyboard_service.SERVICES,
    *time_service.SERVICES,
)
"""Every service that programs may ask for."""

_BY_SELECTOR = {(row.vector, row.function): row for row in (*SERVICES, time_service.POST_SERVICE)}


@functools.cache
def rom() -> bytes:
    """Return the ROM, as it is committed and installed."""
    return (Path(firmware.__file__).parent / "bios.bin").read_bytes()


class Bios:
    """Our own BIOS. See :class:`vectoros.pc.Firmware`."""

    def roms(self) -> tuple[Rom, ...]:
        """See :class:`vectoros.pc.Firmware`."""
        return (Rom("bios", PhysAddr(BIOS_ROM), rom()),)

    def place(self, pc: Pc) -> None:
        """Copy the ROM to where real-mode code can run in it, lay tables out, serve the gate."""
        pc.memory.write(BIOS_SHADOW, rom())
        acpi.place(pc.memory)
        host = Host(pc.memory, pc.config.memory, pc.ata.overlay)
        pc.bios_gate.connect(lambda address: serve(host, address))


def serve(host: Host, address: int) -> None:
    """Serve the frame at ``address``."""
    frame = Frame(host.memory, address)
    if (service := find(frame)) is not None:
        service.run(host, frame)
    frame.store()


def find(frame: Frame) -> Service | None:
    """Return the service that ``frame`` asks for: by AX, else by AH, else the vector's own."""
    vector, whole = frame.vector, frame.ax
    found = _BY_SELECTOR.get((vector, whole)) if whole > 0xFF else None
    return found or _BY_SELECTOR.get((vector, frame.ah)) or _BY_SELECTOR.get((vector, None))
