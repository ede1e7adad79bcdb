"""The BIOS gate: an OUT of the BIOS's own code calls a service on the host.

Promise: by the time the OUT has retired, the service has run, once, and its results
are in RAM. The gate knows nothing of services: it passes on the linear address of
the frame that the BIOS has pushed (firmware/bios.S, vectoros/boot/frame.py).

Anybody may write here. Whatever is written, and whatever lies there, is the
service's to judge; without a service the write is counted as a guest's error.
"""

from __future__ import annotations

from collections.abc import Callable

from vectoros.clock import Clock
from vectoros.devices.device import Device
from vectoros.devices.registers import Access, Register

SIGNATURE = int.from_bytes(b"VXB\x01", "little")
"""What a read gives, so that a guest can tell that the gate is there."""


class BiosGate(Device):
    """One register: written, it calls; read, it signs."""

    name = "bios_gate"

    source = "VectorOS, docs/explanation/boot-path.md and firmware/bios.S"

    frame = Register(0, Access.W, int, "linear address of a frame: serve it", width=4)
    signature = Register(0, Access.R, int, '"VXB" and the version, 1', width=4)

    def __init__(self, clock: Clock) -> None:
        """Serve nobody until :meth:`connect` says who serves."""
        self._service: Callable[[int], None] | None = None
        super().__init__(clock)

    def connect(self, service: Callable[[int], None]) -> None:
        """Call ``service`` with the address of each frame from now on."""
        self._service = service

    @frame.written_by
    def _call(self, address: int) -> None:
        if self._service is None:
            self.guest_errors += 1
        else:
            self._service(address)

    @signature.read_by
    def _sign(self) -> int:
        return SIGNATURE
